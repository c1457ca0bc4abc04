"""Services whose releases are images, on the stand-in for App Runner: real processes, and bad input."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from botocore.exceptions import ClientError

from rollproof.components.aws import serviceundo
from rollproof.components.aws.images import image_of
from rollproof.components.aws.serviceacts import DeployService, DeployUnhealthy, ListVersions, RollBackService
from rollproof.components.aws.services import (
    ServiceReleases,
    processes,
    service_settings,
    set_service_settings,
)
from rollproof.components.aws.settings import Settings as AllSettings
from rollproof.components.git import Repository
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments import access
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.environments.staging import leftovers
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.faults.settings import WrongSetting
from rollproof.journal import Kind
from rollproof.model.aws import Settings
from rollproof.model.systemfile import read_system
from rollproof.waiting import eventually

SERVES = """
import http.server, json, os

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"version": VERSION, "color": os.environ.get("COLOR"), "key": os.environ.get("KEY")}
        body = json.dumps(known).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

port = int(os.environ.get("FIXED") or os.environ["PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Shop).serve_forever()
"""
FILE = """
[system]
name = "small"
[service.api]
command = ["{python}", "-m", "shop"]
runner = "apprunner"
name = "small-api-{env}"
repository = "small/api"
start = ["{python}", "shop.py"]
identity_field = "version"
env = { COLOR = "blue" }
[service.old]
command = ["{python}", "-m", "shop"]
[[release]]
name = "1"
path = "releases/1"
[[release]]
name = "2"
path = "releases/2"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    for version in "12":
        folder = root / "releases" / version
        folder.mkdir(parents=True)
        (folder / "shop.py").write_text(f"VERSION = {version!r}\n{SERVES}")
    (root / "system.toml").write_text(FILE)
    return root


@pytest.fixture(scope="module")
def session(root: Path) -> Iterator[DrillSession]:
    session = DrillSession(folder=root / "reports", run="run", environment=EmbeddedEnvironment())
    try:
        yield session
    finally:
        session.finish("passed")


@pytest.fixture
def drill(session: DrillSession, root: Path, request: pytest.FixtureRequest) -> Iterator[Drill]:
    drill = session.drill(request.node.name, read_system(root / "system.toml"), about={})
    yield drill
    assert drill.heal() == []


@pytest.fixture
def serving(drill: Drill) -> Drill:
    """Release 1 serves."""
    drill.require(DeployService("previous"))
    return drill


def answered(drill: Drill) -> dict[str, str]:
    known: dict[str, str] = httpx.get(drill.use(Services).urls["api"] + "/health", trust_env=False).json()
    return known


def refused(drill: Drill, image: str, *, within: float = 10.0) -> str:
    """What is said of an image that must not get in; release 1 must still serve, and nothing else run."""
    releases = drill.use(ServiceReleases)
    with pytest.raises(AttemptFailed) as error:
        releases.runner("api").deploy(f"{releases.images('api').uri}{image}", unhealthy_after=within)
    assert answered(drill)["version"] == "1"
    assert releases.runner("api").status == "RUNNING"
    (one,) = processes(releases, "api")
    assert one["digest"] == releases.served["api"][0].digest
    return error.value.found


def pushed(drill: Drill, folder: Path, *argv: str, architecture: str = "amd64") -> str:
    images = drill.use(ServiceReleases).images("api")
    return images.push(
        image_of(folder, argv=argv or ["{python}", "shop.py"], architecture=architecture), "bad"
    )


def test_what_is_rolled_back_to_is_the_digest_and_the_process_runs_it(serving: Drill) -> None:
    first = serving.use(ServiceReleases).served["api"][0].digest
    serving.require(DeployService("current"))
    assert answered(serving)["version"] == "2"
    serving.require(RollBackService())
    releases = serving.use(ServiceReleases)
    assert answered(serving)["version"] == "1"
    assert releases.runner("api").image.endswith(f"@{first}")
    assert [one["digest"] for one in processes(releases, "api")] == [first]


def test_versions_are_listed_newest_first_with_their_digests(serving: Drill) -> None:
    serving.require(DeployService("current"))
    listed = serving.require(ListVersions())["items"]
    assert {str(one["tags"][0]) for one in listed} == {"1", "2"}  # type: ignore[union-attr,index,call-overload]
    digests = {one.digest for one in serving.use(ServiceReleases).served["api"]}
    assert {str(one["digest"]) for one in listed} == digests  # type: ignore[union-attr,index,call-overload]


def test_variables_change_and_neither_the_image_nor_what_is_secret_does(serving: Drill) -> None:
    releases = serving.use(ServiceReleases)
    runner = releases.runner("api")
    arn = releases.cloud.client("secretsmanager").create_secret(Name="key", SecretString="opens")["ARN"]
    runner.deploy("", secrets={"KEY": arn})
    assert service_settings(serving) == {"COLOR": "blue"}
    set_service_settings(serving, {"COLOR": "red"})
    assert answered(serving) == {"version": "1", "color": "red", "key": "opens"}
    assert "opens" not in json.dumps(runner.describe(), default=str)
    assert runner.secret_names() == {"KEY": arn}


def test_an_image_that_is_not_in_the_registry_is_named(serving: Drill) -> None:
    assert "there is no image 9.9" in refused(serving, ":9.9")


def test_a_repository_that_is_not_there_is_named(serving: Drill) -> None:
    assert "RepositoryNotFoundException" in refused(serving, "/other:1")


def test_an_image_of_another_architecture_is_refused_before_it_runs(serving: Drill, root: Path) -> None:
    digest = pushed(serving, root / "releases" / "2", architecture="arm64")
    assert "made for linux/arm64" in refused(serving, f"@{digest}")


def test_an_image_whose_files_lead_out_of_it_is_refused(serving: Drill, tmp_path: Path) -> None:
    (tmp_path / "shop.py").symlink_to("/etc/hostname")
    digest = pushed(serving, tmp_path)
    assert "the image cannot be run: AbsoluteLinkError" in refused(serving, f"@{digest}")


def test_a_release_that_never_becomes_healthy_is_given_up_and_ended(serving: Drill) -> None:
    assert not serving.attempt(DeployUnhealthy(unhealthy_after=1.0))
    found = serving.failed["service.deploy"].found
    assert "its health check failed for 1 s: /health answers 503" in found
    assert answered(serving)["version"] == "1"
    assert len(processes(serving.use(ServiceReleases), "api")) == 1


def test_a_release_that_ends_at_once_is_refused_with_its_last_words(serving: Drill, root: Path) -> None:
    digest = pushed(serving, root / "releases" / "2", "{python}", "-c", "raise SystemExit('no settings')")
    assert "it ended with exit code 1; last it said: no settings" in refused(serving, f"@{digest}")


def test_a_command_that_is_not_there_is_named(serving: Drill, root: Path) -> None:
    digest = pushed(serving, root / "releases" / "2", "no-such-program")
    assert "its command no-such-program cannot be started" in refused(serving, f"@{digest}")


def test_a_port_that_is_taken_is_named(serving: Drill, root: Path) -> None:
    digest = serving.use(ServiceReleases).publish("api", root / "releases" / "2", "2")
    releases = serving.use(ServiceReleases)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AttemptFailed, match="Address already in use"):
            image = f"{releases.images('api').uri}@{digest}"
            releases.runner("api").deploy(image, variables={"FIXED": port}, unhealthy_after=10.0)
    assert answered(serving)["version"] == "1"
    assert service_settings(serving) == {"COLOR": "blue"}


def test_ecs_runs_revisions_and_its_circuit_breaker_takes_back_what_fails(drill: Drill, root: Path) -> None:
    by_ecs = drill.system.service["api"].model_copy(update={"runner": "ecs"})
    drill.system = drill.system.model_copy(update={"service": {"api": by_ecs}})
    drill.require(DeployService("previous"))
    drill.require(DeployService("current"))
    releases = drill.use(ServiceReleases)
    runner = releases.runner("api")
    assert answered(drill)["version"] == "2"
    bad = pushed(drill, root / "releases" / "2", "{python}", "-c", "raise SystemExit('no settings')")
    with pytest.raises(AttemptFailed, match="circuit breaker: it ended with exit code 1; last it said: no"):
        releases.deploy("api", f"{releases.images('api').uri}@{bad}")
    assert (answered(drill)["version"], runner.status) == ("2", "ACTIVE COMPLETED")
    assert [one["digest"] for one in processes(releases, "api")] == [releases.served["api"][1].digest]
    drill.require(RollBackService())
    assert answered(drill) == {"version": "1", "color": "blue", "key": None}
    assert runner.image.endswith(f"@{releases.served['api'][0].digest}")
    set_service_settings(drill, {"COLOR": "red"})
    assert service_settings(drill) == {"COLOR": "red"}
    assert answered(drill)["color"] == "red"


@pytest.mark.parametrize("runner", ["apprunner", "ecs"])
def test_in_an_account_that_stays_a_service_gets_back_what_it_ran(
    drill: Drill, root: Path, runner: str
) -> None:
    spec = drill.system.service["api"].model_copy(update={"runner": runner})
    drill.system = drill.system.model_copy(update={"service": {"api": spec}})
    drill.require(DeployService("previous"))
    releases = drill.use(ServiceReleases)
    releases.publish("api", root / "releases" / "2", "2")
    releases.cloud.endpoint = replace(releases.cloud.endpoint, private=False)
    drill.require(DeployService("current"))
    assert answered(drill)["version"] == "2"
    assert "blue" not in json.dumps(drill.history.last("service.deploy", Kind.BEGIN).data)  # type: ignore[union-attr]
    url = drill.use(Services).urls["api"]
    assert drill.heal() == []
    assert httpx.get(f"{url}/health", trust_env=False).json() == {
        "version": "1",
        "color": "blue",
        "key": None,
    }


def with_wrong_color(drill: Drill, root: Path, runner: str) -> None:
    """The service runs in an account that stays; a wrong value of its variable is declared."""
    repository = Repository.create(root / "kept")
    (root / "kept" / ".env.example").write_text("COLOR=blue\n")
    repository.commit("Configure it")
    spec = drill.system.service["api"].model_copy(update={"runner": runner})
    shared = Settings(
        kind="service-environment", services=("api",), history="kept/.env.example", wrong={"COLOR": "mauve"}
    )
    drill.system = drill.system.model_copy(update={"service": {"api": spec}, "settings": {"shared": shared}})
    drill.require(DeployService("previous"))
    cloud = drill.use(ServiceReleases).cloud
    cloud.endpoint = replace(cloud.endpoint, private=False)
    drill.use(AllSettings).known = {"shared": drill.use(AllSettings).stores()["shared"].versions()}


def test_in_an_account_that_stays_a_wrong_variable_is_undone_by_the_revision_of_before(
    drill: Drill, root: Path
) -> None:
    with_wrong_color(drill, root, "ecs")
    drill.require(WrongSetting("service-environment"))
    assert answered(drill)["color"] == "mauve"
    begun = drill.history.last("fault.inject", Kind.BEGIN)
    assert begun is not None
    assert ":task-definition/" in json.dumps(begun.data)
    assert not {"blue", "mauve"} & set(json.dumps(begun.data).split('"'))
    url = drill.use(Services).urls["api"]
    assert drill.heal() == []
    assert httpx.get(f"{url}/health", trust_env=False).json()["color"] == "blue"


def test_in_an_account_that_stays_no_wrong_variable_is_set_where_no_revision_has_the_one_before(
    drill: Drill, root: Path
) -> None:
    with_wrong_color(drill, root, "apprunner")
    with pytest.raises(NotApplicable, match="nobody could put them back after a kill"):
        drill.require(WrongSetting("service-environment"))
    assert answered(drill)["color"] == "blue"


def test_in_an_account_that_stays_nothing_is_created(drill: Drill) -> None:
    releases = drill.use(ServiceReleases)
    releases.images("api").make_repository()
    releases.cloud.endpoint = replace(releases.cloud.endpoint, private=False)
    with pytest.raises(PreconditionNotMet, match="there is no service small-api-embedded"):
        releases.deploy("api", f"{releases.images('api').uri}:1")


def test_a_service_whose_first_release_fails_is_not_there(drill: Drill) -> None:
    releases = drill.use(ServiceReleases)
    releases.images("api").make_repository()
    with pytest.raises(AttemptFailed, match="ended in FAILED: there is no image 1 in"):
        releases.deploy("api", f"{releases.images('api').uri}:1")
    assert releases.runner("api").status == "CREATE_FAILED"
    assert processes(releases, "api") == []


def test_what_was_changed_in_place_is_gone_when_the_image_runs_anew(serving: Drill) -> None:
    releases = serving.use(ServiceReleases)
    (one,) = processes(releases, "api")
    (Path(one["folder"]) / "shop.py").write_text("raise SystemExit(1)")
    set_service_settings(serving, {"COLOR": "green"})
    assert answered(serving)["color"] == "green"
    assert not Path(one["folder"]).exists()


def test_nothing_runs_on_after_a_service_is_deleted(serving: Drill) -> None:
    releases = serving.use(ServiceReleases)
    (one,) = processes(releases, "api")
    releases.runner("api").delete()
    eventually(lambda: not psutil.pid_exists(one["pid"]), within=20.0, what="its process has ended")


def test_what_app_runner_would_refuse_is_refused_with_its_own_code(serving: Drill) -> None:
    client = serving.use(ServiceReleases).cloud.client("apprunner")
    source = {"ImageRepository": {"ImageIdentifier": "shop:1", "ImageRepositoryType": "ECR"}}
    with pytest.raises(ClientError, match="InvalidRequestException"):
        client.create_service(ServiceName="another", SourceConfiguration=source)
    gone = "arn:aws:apprunner:us-east-1:123456789012:service/none/0"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_service(ServiceArn=gone)
    arn = serving.use(ServiceReleases).runner("api").arn()
    with pytest.raises(client.exceptions.InvalidStateException):
        client.resume_service(ServiceArn=arn)


def test_what_cannot_be_meant_is_said_before_anything_is_touched(drill: Drill) -> None:
    with pytest.raises(BadInput, match=r"no \[service.web\]"):
        drill.require(DeployService(service="web"))
    with pytest.raises(NotApplicable, match="no service whose releases are images"):
        drill.require(DeployService(service="old"))
    with pytest.raises(NotApplicable, match="no release"):
        drill.require(DeployService("broken:everything"))
    with pytest.raises(PreconditionNotMet, match="no other image has served"):
        drill.require(RollBackService())


def test_equal_folders_make_equal_images_and_any_change_another(root: Path, tmp_path: Path) -> None:
    folder = root / "releases" / "1"
    assert image_of(folder, argv=["a"]).digest == image_of(folder, argv=["a"]).digest
    assert image_of(folder, argv=["a"]).digest != image_of(folder, argv=["b"]).digest
    (tmp_path / "shop.py").write_text((folder / "shop.py").read_text())
    assert image_of(tmp_path, argv=["a"]).digest == image_of(folder, argv=["a"]).digest
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "shop.pyc").touch()
    assert image_of(tmp_path, argv=["a"]).digest == image_of(folder, argv=["a"]).digest
    (tmp_path / "more.py").touch()
    assert image_of(tmp_path, argv=["a"]).digest != image_of(folder, argv=["a"]).digest


@pytest.mark.slow
def test_a_flag_that_was_turned_off_in_an_account_that_stays_is_on_again_after_a_kill(
    serving: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run's process knew is gone; the journal holds no variable, for it may be secret."""
    releases = serving.use(ServiceReleases)
    cloud, name = releases.cloud, releases.runner("api").name
    with monkeypatch.context() as patch:
        patch.setattr(cloud, "endpoint", replace(cloud.endpoint, private=False))
        first, second = (serviceundo.undo_service(serving, "api") for _ in range(2))
        assert first is not None
        assert second is not None
        assert "blue" not in json.dumps([first, second])
        set_service_settings(serving, {**service_settings(serving), "COLOR": "red"})
        here = dict(serviceundo._HERE)
        for known in (serviceundo._KEPT, serviceundo._HERE):
            known.clear()
        access.remember(endpoint=here[cloud.endpoint.account].endpoint)
        for undo in (second, first, first):
            serviceundo.put_back(undo)
        assert service_settings(serving)["COLOR"] == "blue"
        secrets = cloud.client("secretsmanager").list_secrets()["SecretList"]
        assert not [one for one in secrets if one["Name"].startswith(serviceundo.KEPT)]
        assert (cloud.endpoint.account, name) not in serviceundo._KEPT


@pytest.mark.slow
def test_what_sweep_finds_of_a_service_is_put_back(serving: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = serving.use(ServiceReleases)
    cloud = releases.cloud
    monkeypatch.setattr(cloud, "endpoint", replace(cloud.endpoint, private=False))
    assert serviceundo.undo_service(serving, "api") is not None
    set_service_settings(serving, {**service_settings(serving), "COLOR": "red"})
    serviceundo._KEPT.clear()
    [secret] = [
        one
        for one in cloud.client("secretsmanager").list_secrets()["SecretList"]
        if one["Name"].startswith(serviceundo.KEPT)
    ]
    leftovers._put_service_back(cloud.aws, secret["ARN"])
    assert service_settings(serving)["COLOR"] == "blue"
