"""Deploys that cannot be, or that are refused: one clear error, and nothing is touched."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from stack_support import HANDLE, client, make_drill, parameter, template, write

from rollproof.components.aws.clients import Aws
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.recovery import ContinueRollback, DeleteFailed, look_for_leftovers
from rollproof.components.aws.releases import DeployRelease
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

WAITS = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "30"},
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


def shop(session: DrillSession, root: Path, resources: dict[str, Any], **stack: Any) -> Drill:
    write(root, "1/main.json", template(**resources))
    main = {"name": "shop", "template": "main.json", **stack}
    return make_drill(session, root, {"release": [{"name": "1", "path": "1"}], "stack": {"main": main}})


def deploy(drill: Drill) -> AttemptFailed | None:
    """The failure of a deploy."""
    return None if drill.attempt(DeployRelease()) else drill.failed["release.deploy"]


def create(drill: Drill, resources: dict[str, Any], **more: Any) -> None:
    client(drill).create_stack(StackName="shop", TemplateBody=json.dumps(template(**resources)), **more)


def settle(drill: Drill) -> str:
    def status() -> str | None:
        found = str(client(drill).describe_stacks(StackName="shop")["Stacks"][0]["StackStatus"])
        return None if found.endswith("_IN_PROGRESS") else found

    return eventually(status, within=30.0, what="the stack has settled")


def test_a_stack_that_somebody_else_is_changing_is_left_alone(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    create(drill, {"Handle": HANDLE, "Wait": WAITS})
    failed = deploy(drill)
    assert failed is not None
    assert failed.found == "the stack is in CREATE_IN_PROGRESS"
    assert "somebody else" in failed.remedy


def test_no_stack_is_touched_when_one_of_them_cannot_be_deployed_to(
    session: DrillSession, tmp_path: Path
) -> None:
    write(tmp_path, "1/first.json", template(Level=parameter("1")))
    write(tmp_path, "1/main.json", template(Level=parameter("1")))
    stack = {
        "first": {"name": "first", "template": "first.json"},
        "main": {"name": "shop", "template": "main.json", "after": ["first"]},
    }
    drill = make_drill(session, tmp_path, {"release": [{"name": "1", "path": "1"}], "stack": stack})
    create(drill, {"Handle": HANDLE, "Wait": WAITS})
    assert deploy(drill) is not None
    names = [item["StackName"] for item in client(drill).list_stacks()["StackSummaries"]]
    assert names == ["shop"]


def test_a_change_set_that_nobody_executed_is_no_obstacle(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    client(drill).create_change_set(
        StackName="shop",
        ChangeSetName="left-behind",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template(Level=parameter("0"))),
    )
    assert client(drill).describe_stacks(StackName="shop")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert deploy(drill) is None


def test_a_failed_creation_must_be_deleted_first_and_is_told_so(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    bad = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "http://127.0.0.1/no/where"}}
    create(drill, {"Bad": bad})
    assert settle(drill) == "ROLLBACK_COMPLETE"
    failed = deploy(drill)
    assert failed is not None
    assert "delete it" in failed.remedy
    assert drill.attempt(DeleteFailed())
    assert deploy(drill) is None


SERVERLESS = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Front": {"Type": "AWS::Serverless::HttpApi", "Properties": {"StageName": "live"}},
        "Bad": {
            "Type": "AWS::CloudFormation::Stack",
            "DependsOn": "FrontliveStage",
            "Properties": {"TemplateURL": "http://127.0.0.1/no/where"},
        },
    },
}


def test_what_a_transform_had_made_is_known_after_the_creation_was_rolled_back(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    write(tmp_path, "1/main.json", SERVERLESS)
    assert deploy(drill) is not None
    look_for_leftovers(drill)
    said = drill.history.last("stack.leftovers")
    assert said is not None
    assert (said.data["count"], said.data["items"], said.data["unread"]) == (2, [], [])


def test_an_http_api_of_a_sam_template_has_its_routes_here_as_well(
    session: DrillSession, tmp_path: Path
) -> None:
    event = {"Type": "HttpApi", "Properties": {"Path": "/well", "Method": "get"}}
    function = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "InlineCode": "def handler(event, context): return {}",
        "Events": {"Well": event},
    }
    serverless = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": function}},
    }
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    write(tmp_path, "1/main.json", serverless)
    assert deploy(drill) is None
    front = client(drill, "apigatewayv2")
    (api,) = front.get_apis()["Items"]
    assert [route["RouteKey"] for route in front.get_routes(ApiId=api["ApiId"])["Items"]] == ["GET /well"]
    assert any("HTTP APIs" in str(event.data["name"]) for event in drill.history.all("provided"))


def test_what_validation_found_before_it_began_is_named(session: DrillSession, tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "taken-already"}}
    drill = shop(session, tmp_path, {"Front": bucket})
    client(drill, "s3").create_bucket(Bucket="taken-already")
    failed = deploy(drill)
    assert failed is not None
    assert "Front (AWS::S3::Bucket)" in failed.found
    assert "already exists" in failed.found


def test_a_protected_stack_is_not_deleted(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    bad = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "http://127.0.0.1/no/where"}}
    create(drill, {"Bad": bad}, EnableTerminationProtection=True)
    settle(drill)
    assert not drill.attempt(DeleteFailed())
    assert "TerminationProtection" in drill.failed["stack.delete"].found
    assert settle(drill) == "ROLLBACK_COMPLETE"


def test_continuing_a_rollback_where_none_is_stuck_fails(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    drill.require(DeployRelease())
    assert not drill.attempt(ContinueRollback())
    assert "no stack is in UPDATE_ROLLBACK_FAILED" in drill.failed["stack.continue_rollback"].found


class Between:
    """A proxy between the clients and the emulator, that answers some calls itself.

    Attributes:
        answers: code and HTTP status for the calls to come of an action; each is used once.
    """

    def __init__(self, upstream: str) -> None:
        self.answers: dict[str, list[tuple[str, int]]] = {}
        self.upstream = upstream
        self.message = "not now"

    def take(self, action: str) -> tuple[str, int] | None:
        waiting = self.answers.get(action) or self.answers.get("*")
        return waiting.pop(0) if waiting else None


@contextmanager
def between(drill: Drill) -> Iterator[Between]:
    """Puts a proxy between a drill and the emulator."""
    cloud = drill.use(Cloud)
    assert cloud.endpoint.url is not None
    proxy = Between(cloud.endpoint.url)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
            said = proxy.take(action)
            status, content = self.refuse(*said) if said else self.forward(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(content)

        def refuse(self, code: str, status: int) -> tuple[int, bytes]:
            text = f"<R><Error><Code>{code}</Code><Message>{proxy.message}</Message></Error></R>"
            return status, text.encode()

        def forward(self, body: bytes) -> tuple[int, bytes]:
            headers = {key: value for key, value in self.headers.items() if key.lower() != "content-length"}
            url = proxy.upstream + self.path
            answer = httpx.request(self.command, url, content=body, headers=headers, trust_env=False)
            return answer.status_code, answer.content

        def log_message(self, *arguments: object) -> None:
            pass

    for verb in ("GET", "POST", "PUT", "HEAD", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint, aws = cloud.endpoint, cloud.aws
    cloud.endpoint = replace(endpoint, url=f"http://127.0.0.1:{server.server_port}")
    cloud.aws = Aws(cloud.endpoint)
    try:
        yield proxy
    finally:
        cloud.endpoint, cloud.aws = endpoint, aws
        server.shutdown()
        server.server_close()
        thread.join()


def test_throttled_calls_are_tried_again(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    with between(drill) as proxy:
        proxy.answers = {"CreateChangeSet": [("Throttling", 400)], "DescribeStacks": [("Throttling", 400)]}
        assert deploy(drill) is None
        assert proxy.answers == {"CreateChangeSet": [], "DescribeStacks": []}


def test_calls_that_stay_throttled_end_the_deploy_with_a_limit(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    with between(drill) as proxy:
        proxy.answers = {"CreateChangeSet": [("Throttling", 400)] * 9}
        failed = deploy(drill)
        assert len(proxy.answers["CreateChangeSet"]) == 4
    assert failed is not None
    assert failed.facts["code"] == "Throttling"
    assert "limit" in failed.remedy


def test_expired_credentials_end_the_drill_and_blame_nobody(session: DrillSession, tmp_path: Path) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    with between(drill) as proxy:
        proxy.answers = {"*": [("ExpiredToken", 403)] * 50}
        with pytest.raises(EnvironmentUnavailable, match="credentials are not taken") as caught:
            drill.attempt(DeployRelease())
    assert "renew" in caught.value.remedy


def test_credentials_that_expire_while_the_stack_is_changing_do_not_count_as_a_failed_deploy(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    with between(drill) as proxy:
        proxy.answers = {"DescribeStackEvents": [("ExpiredToken", 403)] * 50}
        with pytest.raises(EnvironmentUnavailable):
            drill.attempt(DeployRelease())
    assert drill.failed == {}


# This emulator asks for no capability and validates no template, so AWS' own answers are put in its place.
REFUSED = {
    "InsufficientCapabilitiesException": ("Requires capabilities : [CAPABILITY_IAM]", "[stack.main]"),
    "ValidationError": ("Unresolved resource dependencies [Nothing]", "correct the template"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cloudformation_refuses_is_told_with_the_file_and_what_to_do(
    session: DrillSession, tmp_path: Path, code: str
) -> None:
    message, remedy = REFUSED[code]
    drill = shop(session, tmp_path, {"Level": parameter("1")})
    with between(drill) as proxy:
        proxy.message = message
        proxy.answers = {"CreateChangeSet": [(code, 400)]}
        failed = deploy(drill)
    assert failed is not None
    assert message in failed.found
    assert remedy in failed.remedy
    assert "main.json" in failed.where
