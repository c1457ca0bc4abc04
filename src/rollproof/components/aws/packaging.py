"""Bringing a release's files into the account, as `cdk deploy` and `aws cloudformation package` do."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from rollproof.components.aws.assembly import FileAsset, StackSource
from rollproof.components.aws.buckets import undo_bucket
from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.stack import BODY_BYTES
from rollproof.components.aws.templates import Template, read_template, resources
from rollproof.errors import AttemptFailed, BadInput

BOOTSTRAP_VERSION = "30"
"""what a private account says that its bootstrap stack is, for templates that ask"""
_EARLIEST = (1980, 1, 1, 0, 0, 0)

LOCAL = {
    "AWS::Serverless::Function": ("CodeUri", "uri"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "uri"),
    "AWS::Serverless::Api": ("DefinitionUri", "uri"),
    "AWS::Serverless::HttpApi": ("DefinitionUri", "uri"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "uri"),
    "AWS::Serverless::GraphQLApi": ("SchemaUri", "uri"),
    "AWS::Serverless::Application": ("Location", "url"),
    "AWS::Lambda::Function": ("Code", "lambda"),
    "AWS::Lambda::LayerVersion": ("Content", "lambda"),
    "AWS::ApiGateway::RestApi": ("BodyS3Location", "bucket"),
    "AWS::ApiGatewayV2::Api": ("BodyS3Location", "bucket"),
    "AWS::StepFunctions::StateMachine": ("DefinitionS3Location", "bucket"),
    "AWS::AppSync::GraphQLSchema": ("DefinitionS3Location", "uri"),
    "AWS::AppSync::Resolver": ("CodeS3Location", "uri"),
    "AWS::ElasticBeanstalk::ApplicationVersion": ("SourceBundle", "lambda"),
    "AWS::CloudFormation::Stack": ("TemplateURL", "url"),
}
"""Which property of which type may be a local path, and in what shape it says where the file is then
(`aws cloudformation package`, AWS CLI reference)."""
_TEMPLATES = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")


class Packager:
    """Uploads what the stacks of one release need. Keys are digests, so that the same file stays the same."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._buckets: set[str] = set()

    @property
    def bucket(self) -> str:
        """For local paths and large templates; the CDK has one of its own."""
        return f"rollproof-{self.cloud.endpoint.account}-{self.cloud.endpoint.region}"

    def template(self, source: StackSource) -> Template:
        """Uploads a stack's assets and local paths; the template that refers to them.

        Raises BadInput: a local path that is not there. AttemptFailed: it could not be uploaded.
        """
        for asset in source.assets:
            self._upload_asset(asset)
        if source.assets or "BootstrapVersion" in (source.template.get("Parameters") or {}):
            self._bootstrapped()
        return self.packaged(source.template, folder=source.path.parent)

    def packaged(self, template: Template, *, folder: Path) -> Template:
        """A copy whose local paths, looked up in `folder`, are uploaded."""
        copy = deepcopy(template)
        for name, item in resources(copy):
            where, shape = LOCAL.get(item["Type"], ("", ""))
            properties = item.get("Properties")
            value = properties.get(where) if isinstance(properties, dict) else None
            if isinstance(properties, dict) and isinstance(value, str) and not _is_remote(value):
                path = folder / value
                if not path.exists():
                    raise BadInput(
                        f"{name}: its {where} {value} is not there",
                        doing="packaging a template's local files",
                        where=str(folder),
                        remedy="build the release first (`sam build`, `npm run build`…)",
                    )
                properties[where] = self._uploaded(path, shape, nested=item["Type"] in _TEMPLATES)
        return copy

    def _uploaded(self, path: Path, shape: str, *, nested: bool) -> object:
        if nested:
            inner = self.packaged(read_template(path), folder=path.parent)
            body, ending = json.dumps(inner, default=str).encode(), ".template"
        elif path.is_dir() or (shape == "lambda" and path.suffix not in (".zip", ".jar")):
            body, ending = zipped(path), ".zip"
        else:
            body, ending = path.read_bytes(), path.suffix
        key = f"{hashlib.sha256(body).hexdigest()}{ending}"
        self.put(self.bucket, key, body)
        return {
            "uri": f"s3://{self.bucket}/{key}",
            "url": self.url(self.bucket, key),
            "lambda": {"S3Bucket": self.bucket, "S3Key": key},
            "bucket": {"Bucket": self.bucket, "Key": key},
        }[shape]

    def reference(self, template: Template) -> dict[str, str]:
        """How the template is given to CloudFormation: in the call, or by URL when it is large."""
        body = json.dumps(template, default=str, separators=(",", ":")).encode()
        if len(body) <= BODY_BYTES:
            return {"TemplateBody": body.decode()}
        key = f"{hashlib.sha256(body).hexdigest()}.template"
        self.put(self.bucket, key, body)
        return {"TemplateURL": self.url(self.bucket, key)}

    def url(self, bucket: str, key: str) -> str:
        endpoint = self.cloud.endpoint
        return f"{endpoint.url or f'https://s3.{endpoint.region}.amazonaws.com'}/{bucket}/{key}"

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._have(bucket)
        with calling("uploading a file of the release", where=f"s3://{bucket}/{key}"):
            self.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def _upload_asset(self, asset: FileAsset) -> None:
        bucket, key = self.here(asset.bucket), self.here(asset.key)
        body = zipped(asset.source) if asset.packaging == "zip" else asset.source.read_bytes()
        self.put(bucket, key, body)

    def here(self, text: object) -> str:
        """A text, or Fn::Sub, of a cloud assembly with account and region filled in."""
        text = str(text["Fn::Sub"]) if isinstance(text, dict) and "Fn::Sub" in text else str(text)
        endpoint = self.cloud.endpoint
        known = {"AccountId": endpoint.account, "Region": endpoint.region, "Partition": "aws"}
        for name, value in known.items():
            text = text.replace(f"${{AWS::{name}}}", value)
        return text

    def _have(self, bucket: str) -> None:
        """Makes sure that there is the bucket; the CDK's own is made only where nobody else lives."""
        if bucket in self._buckets:
            return
        s3 = self.cloud.client("s3")
        try:
            with calling("looking for the bucket of the release's files", where=bucket):
                s3.head_bucket(Bucket=bucket)
        except AttemptFailed as error:
            if code_of(error) not in ("404", "NoSuchBucket", "NotFound"):
                raise
            self._make(bucket)
        self._buckets.add(bucket)

    def _make(self, bucket: str) -> None:
        endpoint = self.cloud.endpoint
        if not endpoint.private and bucket != self.bucket:
            raise BadInput(
                f"the account has no bucket {bucket}",
                doing="uploading the assets of a cloud assembly",
                remedy=f"run `cdk bootstrap aws://{endpoint.account}/{endpoint.region}`",
            )
        placed = {} if endpoint.region == "us-east-1" else {"LocationConstraint": endpoint.region}
        undo = {} if endpoint.private else {"undo": undo_bucket(self.cloud.aws, bucket)}
        with (
            self.cloud.drill.recorder.acting("bucket.make", {"name": bucket, **undo}),
            calling("making a bucket for the release's files", where=bucket),
        ):
            self.cloud.client("s3").create_bucket(
                Bucket=bucket, **({"CreateBucketConfiguration": placed} if placed else {})
            )

    def _bootstrapped(self) -> None:
        """Templates of the CDK look the version of the bootstrap stack up; a private account has none."""
        if self.cloud.endpoint.private:
            with calling("saying that the account is bootstrapped"):
                self.cloud.client("ssm").put_parameter(
                    Name="/cdk-bootstrap/hnb659fds/version",
                    Value=BOOTSTRAP_VERSION,
                    Type="String",
                    Overwrite=True,
                )


def _is_remote(value: str) -> bool:
    return value.startswith(("s3://", "http://", "https://"))


def zipped(path: Path) -> bytes:
    """A zip of a folder's content, or of one file; the same bytes for the same content."""
    files = tuple(_files(path))
    return _zip(path, tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


def _files(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())


@lru_cache(maxsize=64)
def _zip(root: Path, files: tuple[tuple[str, int, int], ...]) -> bytes:
    """Kept: every scenario deploys the same release into an account of its own."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, _, _ in files:
            file = Path(name)
            inner = file.name if root.is_file() else file.relative_to(root).as_posix()
            info = zipfile.ZipInfo(inner, _EARLIEST)
            runs = stat.S_IMODE(file.stat().st_mode) & 0o111
            info.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def parameters_of(template: Template) -> dict[str, dict[str, Any]]:
    """The parameters that a template declares."""
    declared = template.get("Parameters")
    return declared if isinstance(declared, dict) else {}
