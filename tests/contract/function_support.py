"""Functions and an API of the tests' own on an emulator, and a door to it that fails at will."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from rollproof.components.aws.clients import Aws
from rollproof.components.aws.cloud import Cloud
from rollproof.drill.drill import Drill
from rollproof.model.system import System

ANSWERS = """
import json, os
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"version": context.function_version})}
"""
RAISES = """
def handler(event, context):
    return {"statusCode": 200, "body": {}["tenant"]}
"""
TWO = ("one", "two")
SYSTEM = System.model_validate(
    {
        "system": {"name": "pair"},
        "function": {key: {"name": f"pair-{key}", "payload": {"path": "/health"}} for key in TWO},
    }
)


def package(source: str) -> bytes:
    """The same bytes for the same source."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2020, 1, 1, 0, 0, 0)), source)
    return body.getvalue()


def make(cloud: Cloud, name: str, source: str = ANSWERS, *, alias: str = "LIVE", version: str = "") -> None:
    """A function with one published version and an alias on it, or on `version`."""
    client = cloud.client("lambda")
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=f"arn:aws:iam::{cloud.endpoint.account}:role/tests",
        Handler="app.handler",
        Code={"ZipFile": package(source)},
        Environment={"Variables": {"TABLE_NAME": "orders"}},
        Publish=True,
    )
    if alias:
        client.create_alias(FunctionName=name, Name=alias, FunctionVersion=version or made["Version"])


def deploy(cloud: Cloud, name: str, source: str) -> str:
    """Another version, served by the alias; its number."""
    client = cloud.client("lambda")
    client.update_function_code(FunctionName=name, ZipFile=package(source))
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    version: str = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="LIVE", FunctionVersion=version)
    return version


def rest_api(cloud: Cloud, name: str, *, path: str = "health") -> str:
    """An API with one GET route to the alias of a function; its id."""
    client, account = cloud.client("apigateway"), cloud.endpoint.account
    api: str = client.create_rest_api(name="tests")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    resource = client.create_resource(restApiId=api, parentId=root, pathPart=path)["id"]
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    function = f"arn:aws:lambda:us-east-1:{account}:function:{name}:LIVE"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    client.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    client.create_deployment(restApiId=api, stageName="prod")
    return api


Refuses = Callable[[str, str], int | None]
"""Method and path of a call -> the status that it is refused with, or None to let it through."""


class _Door(ThreadingHTTPServer):
    daemon_threads = True
    refuses: Refuses
    target: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Door

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = self.server.refuses(self.command, self.path)
        if status is not None:
            code = "TooManyRequestsException" if status == 429 else "ServiceException"
            self._say(status, {"x-amzn-errortype": code}, b'{"message": "slow down"}')
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
        answer = httpx.request(
            self.command, self.server.target + self.path, content=body, headers=headers, trust_env=False
        )
        kept = {key: value for key, value in answer.headers.items() if key.lower() != "content-length"}
        self._say(answer.status_code, kept, answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = pass_on  # noqa: N815

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def refusing(drill: Drill, refuses: Refuses, *, attempts: int = 3) -> Iterator[None]:
    """The drill's clients go through a door that refuses what `refuses` says; 3 tries each."""
    cloud = drill.use(Cloud)
    before = cloud.aws
    door = _Door(("127.0.0.1", 0), _Handler)
    door.refuses, door.target = refuses, str(cloud.endpoint.url)
    thread = threading.Thread(target=door.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{door.server_address[1]}"
        cloud.aws = Aws(replace(cloud.endpoint, url=url), attempts=attempts)
        yield
    finally:
        cloud.aws = before
        door.shutdown()
        thread.join()
        door.server_close()
