"""The reference system's functions by themselves: signatures, and steps that no emulator asks for."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest
from alquimista_support import HOME
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.stub import ANY, Stubber

FUNCTIONS = HOME / "aws" / "functions"
KEY = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token/+="}
VERSION = "5f1c0a3e-0000-4000-8000-000000000000"
ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:alquimista/prod/database-AbCdEf"
CURRENT = {"username": "app_user", "dsn": "host=db", "password": "old"}


class Listener(ThreadingHTTPServer):
    """Keeps the last request, and answers as DynamoDB does."""

    last: tuple[dict[str, str], bytes]


class Answering(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.last = ({name.lower(): value for name, value in self.headers.items()}, body)
        status, said = (
            (400, {"__type": "x#ThrottlingException"}) if b"refuse" in body else (200, {"Count": 0})
        )
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(listener: Listener, operation: str, document: object) -> subprocess.CompletedProcess[str]:
    """One call of the client that is written in JavaScript."""
    code = (
        f"import {{ call }} from {json.dumps((FUNCTIONS / 'commands' / 'dynamodb.mjs').as_uri())};"
        f"console.log(JSON.stringify(await call({json.dumps(operation)}, {json.dumps(document)})))"
    )
    endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{listener.server_port}", "AWS_REGION": "us-east-1"}
    return subprocess.run(
        ["node", "--input-type=module", "--eval", code],
        env={"PATH": os.environ["PATH"], **KEY, **endpoint},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_signature_is_the_one_that_aws_computes(listener: Listener) -> None:
    assert call(listener, "Query", {"TableName": "Ação"}).stdout == '{"Count":0}\n'
    sent, body = listener.last
    request = AWSRequest("POST", f"http://{sent['host']}/", data=body)
    for name in ("content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"):
        request.headers[name] = sent[name]
    request.context["timestamp"] = sent["x-amz-date"]
    signer = SigV4Auth(Credentials(*KEY.values()), "dynamodb", "us-east-1")
    signed = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert sent["authorization"].endswith(f", Signature={signed}")


def test_what_dynamodb_refuses_is_thrown_by_its_name(listener: Listener) -> None:
    done = call(listener, "Query", {"TableName": "refuse"})
    assert done.returncode != 0
    assert "ThrottlingException: Query" in done.stderr


@pytest.fixture
def rotation(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Stubber]]:
    """The rotating function, and Secrets Manager as it would answer: the emulator knows no empty version."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("rotate_secret", FUNCTIONS / "rotate-secret" / "index.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with Stubber(module.manager) as stubber:
        yield module, stubber
        stubber.assert_no_pending_responses()


def event(step: str) -> dict[str, str]:
    return {"Step": step, "SecretId": ARN, "ClientRequestToken": VERSION}


def announced(stubber: Stubber, *stages: str) -> None:
    versions = {VERSION: list(stages)} if stages else {}
    stubber.add_response("describe_secret", {"VersionIdsToStages": versions}, {"SecretId": ARN})


def test_the_first_step_makes_a_value_for_a_version_that_has_none(
    rotation: tuple[ModuleType, Stubber],
) -> None:
    module, stubber = rotation
    announced(stubber, "AWSPENDING")
    stubber.add_client_error("get_secret_value", "ResourceNotFoundException", http_status_code=400)
    stubber.add_response("get_secret_value", {"SecretString": json.dumps(CURRENT)})
    stubber.add_response("get_random_password", {"RandomPassword": "n" * 40})
    made: dict[str, Any] = {"SecretId": ARN, "ClientRequestToken": VERSION, "VersionStages": ["AWSPENDING"]}
    stubber.add_response(
        "put_secret_value", {}, {**made, "SecretString": json.dumps({**CURRENT, "password": "n" * 40})}
    )
    module.handler(event("createSecret"))


def test_the_first_step_leaves_a_value_that_it_made_before(rotation: tuple[ModuleType, Stubber]) -> None:
    module, stubber = rotation
    announced(stubber, "AWSPENDING")
    stubber.add_response(
        "get_secret_value",
        {"SecretString": json.dumps(CURRENT)},
        {"SecretId": ARN, "VersionStage": "AWSPENDING", "VersionId": ANY},
    )
    module.handler(event("createSecret"))


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret", "finishSecret"])
def test_nothing_is_done_for_a_version_that_is_current_already(
    step: str, rotation: tuple[ModuleType, Stubber]
) -> None:
    module, stubber = rotation
    announced(stubber, "AWSCURRENT", "AWSPENDING")
    module.handler(event(step))


def test_a_version_that_nobody_announced_is_refused(rotation: tuple[ModuleType, Stubber]) -> None:
    module, stubber = rotation
    announced(stubber)
    with pytest.raises(ValueError, match="is not pending"):
        module.handler(event("createSecret"))
