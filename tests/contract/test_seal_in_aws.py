"""Sealing with a key of KMS, and copies in S3 that are locked: on a real emulator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from seal_support import write_run

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.journal import Journal, Recorder
from rollproof.model.seal import Seal
from rollproof.model.system import System
from rollproof.seal.anchors import read_anchors
from rollproof.seal.closing import close_run
from rollproof.seal.keys import public_key, signer_of
from rollproof.seal.result import Result, Trust
from rollproof.seal.verifying import verify_bundle

BUCKET = "evidence"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    journal = tmp_path_factory.mktemp("run") / "journal.ndjson"
    system = System.model_validate({"system": {"name": "tests"}})
    with (
        Journal(journal, run="tests") as written,
        EmbeddedEnvironment().open(system, Recorder(written, "run")) as opened,
    ):
        yield opened.aws(account="123456789012")


@pytest.fixture(autouse=True)
def variables(endpoint: AwsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person's terminal has them: seals are made outside any drill."""
    for name, value in endpoint.program_environment().items():
        monkeypatch.setenv(name, value)


def client(endpoint: AwsEndpoint, service: str):
    return boto3.client(service, endpoint_url=endpoint.url, region_name=endpoint.region)


@pytest.fixture(scope="module")
def bucket(endpoint: AwsEndpoint) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoint.program_environment().items():
            patch.setenv(name, value)
        client(endpoint, "s3").create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return BUCKET


def seal(endpoint: AwsEndpoint, **settings: object) -> Seal:
    return Seal.model_validate({"endpoint": endpoint.url, "region": endpoint.region, **settings})


def test_a_run_is_sealed_by_a_key_that_never_leaves_kms(endpoint, tmp_path):
    kms = client(endpoint, "kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    key_id = made["KeyMetadata"]["KeyId"]
    folder = write_run(tmp_path / "reports", "run")
    close_run(folder, seal(endpoint, key=f"awskms:{key_id}"), root=tmp_path)
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    known = public_key(load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"]), "KMS")
    found = verify_bundle(folder, Trust(keys=[known]))
    assert (found.result, found.findings) == (Result.VERIFIED, [])


def test_a_key_of_kms_that_is_not_there_is_an_error_that_says_so(endpoint, tmp_path):
    with pytest.raises(EnvironmentUnavailable, match="KMS"):
        signer_of("awskms:alias/none", root=tmp_path, endpoint=endpoint.url, region=endpoint.region)


def test_a_key_of_another_kind_is_refused(endpoint, tmp_path):
    made = client(endpoint, "kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    with pytest.raises(BadInput, match="ECDSA"):
        key = f"awskms:{made['KeyMetadata']['KeyId']}"
        signer_of(key, root=tmp_path, endpoint=endpoint.url, region=endpoint.region)


def test_every_file_of_a_sealed_run_is_copied_and_locked(endpoint, bucket, tmp_path):
    folder = write_run(tmp_path / "reports", "run-1")
    close_run(
        folder, seal(endpoint, upload=f"s3://{bucket}/runs", anchor=["s3://evidence/heads"]), root=tmp_path
    )
    s3 = client(endpoint, "s3")
    copied = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="runs/")["Contents"]}
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert copied == {f"runs/run-1/{name}" for name in here}
    found = s3.get_object_retention(Bucket=bucket, Key="runs/run-1/seal.json")["Retention"]
    assert found["Mode"] == "GOVERNANCE"
    head = tmp_path / "head"
    head.write_bytes(s3.get_object(Bucket=bucket, Key="heads/run-1.json")["Body"].read())
    trust = Trust(anchors=read_anchors(head).seals)
    assert verify_bundle(folder, trust).findings == []
    [version] = s3.list_object_versions(Bucket=bucket, Prefix="runs/run-1/seal.json")["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="runs/run-1/seal.json", VersionId=version["VersionId"])


def test_a_lock_that_nobody_can_undo_is_put_on_only_when_that_is_said(endpoint, bucket, tmp_path):
    folder = write_run(tmp_path / "reports", "run-2")
    wanted = {"upload": f"s3://{bucket}/runs", "lock": "compliance"}
    with pytest.raises(BadInput, match="nobody"):
        close_run(folder, seal(endpoint, **wanted), root=tmp_path)
    assert verify_bundle(folder, Trust()).findings == [], "it is sealed all the same"


def test_a_run_that_holds_personal_data_is_copied_nowhere(endpoint, bucket, tmp_path):
    folder = write_run(tmp_path / "reports", "run-3")
    (folder / "note.md").write_text("529.982.247-25")
    with pytest.raises(Exception, match="not sealed"):
        close_run(folder, seal(endpoint, upload=f"s3://{bucket}/runs"), root=tmp_path)
    assert client(endpoint, "s3").list_objects_v2(Bucket=bucket, Prefix="runs/run-3")["KeyCount"] == 0


def test_a_bucket_that_is_not_there_is_an_error_that_leaves_the_run_sealed(endpoint, tmp_path):
    folder = write_run(tmp_path / "reports", "run-4")
    with pytest.raises(EnvironmentUnavailable, match="S3"):
        close_run(folder, seal(endpoint, upload="s3://nothing-here/x"), root=tmp_path)
    assert verify_bundle(folder, Trust()).findings == []
