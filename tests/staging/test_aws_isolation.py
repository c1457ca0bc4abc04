"""No file and no variable of the machine sends a call to AWS elsewhere."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import botocore

SERVICES = {"sts": "2011-06-15", "s3": "2006-03-01", "dynamodb": "2012-08-10"}
ASK = """
import sys
from rollproof.components.aws.clients import Aws
from rollproof.environments.base import AwsEndpoint
aws = Aws(AwsEndpoint(url=None, region="eu-central-1", account="1" * 12, access_key="AKIA", secret_key="x",
                      emulator="", private=False))
class Stop(Exception): pass
def stop(request, **_):
    print(request.url)
    raise Stop
asked = {"sts": "get_caller_identity", "s3": "list_buckets", "dynamodb": "list_tables"}
for service, operation in asked.items():
    client = aws.client(service)
    client.meta.events.register("before-send", stop)
    try:
        getattr(client, operation)()
    except Stop:
        pass
"""


def lead_astray(folder: Path) -> None:
    """Says of each service that it is somewhere else, as botocore reads it in ~/.aws/models."""
    for service, version in SERVICES.items():
        own = Path(botocore.__file__).parent / "data" / service / version / "endpoint-rule-set-1.json.gz"
        rules = json.loads(gzip.decompress(own.read_bytes()))
        rules["rules"] = [{"conditions": [], "endpoint": {"url": "https://evil.example"}, "type": "endpoint"}]
        place = folder / service / version
        place.mkdir(parents=True)
        (place / "endpoint-rule-set-1.json").write_text(json.dumps(rules))


def test_calls_go_to_aws_whatever_the_machine_says(tmp_path: Path) -> None:
    for folder in (tmp_path / ".aws" / "models", tmp_path / "data"):
        lead_astray(folder)
    config = tmp_path / "config"
    config.write_text(
        "[default]\nservices = elsewhere\nregion = us-west-2\nendpoint_url = https://evil.example\n"
        "[services elsewhere]\ns3 =\n  endpoint_url = https://evil.example\n"
    )
    environ = {
        "HOME": str(tmp_path),
        "AWS_DATA_PATH": str(tmp_path / "data"),
        "AWS_CONFIG_FILE": str(config),
        "AWS_PROFILE": "default",
        "AWS_ENDPOINT_URL": "https://evil.example",
        "AWS_ENDPOINT_URL_S3": "https://evil.example",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_REGION": "us-west-2",
        "HTTPS_PROXY": "http://evil.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [f"https://{name}.eu-central-1.amazonaws.com/" for name in SERVICES]
