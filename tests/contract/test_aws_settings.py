"""Settings on a real emulator: read without telling their values, and put back exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_support import client, make_drill

from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.parameters import policies_of, policies_text
from rollproof.components.aws.settings import DiagnoseSettings, RememberSettings, RollBackSettings, Settings
from rollproof.components.aws.telling import look_for_secrets
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.faults.settings import WrongSetting
from rollproof.fidelity.trials import packed
from rollproof.journal import Kind
from rollproof.model.fingerprint import Fingerprint

SSM = {"parameters": {"kind": "ssm", "path": "/shop/", "wrong": {"level": "a hundred"}}}
FLAGS = {
    "flags": {
        "kind": "appconfig",
        "application": "shop",
        "environment": "live",
        "profile": "flags",
        "wrong": {"fast": "false"},
    }
}
VARIABLES = {"mode": {"kind": "environment", "function": "mailer", "wrong": {"MODE": "bad"}}}
SECRET = "a-value-that-nobody-may-see"  # noqa: S105  of an emulator


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    session = DrillSession(
        folder=tmp_path_factory.mktemp("run") / "r", run="r", environment=EmbeddedEnvironment()
    )
    yield session
    session.finish("proven")


def drill_on(session: DrillSession, tmp_path: Path, settings: dict[str, Any], **more: Any) -> Drill:
    return make_drill(session, tmp_path, {"settings": settings, **more}, tags=("settings",))


def parameters(drill: Drill) -> Any:
    """Two parameters with everything that a parameter can have."""
    ssm = client(drill, "ssm")
    ssm.put_parameter(
        Name="/shop/level",
        Value="old",
        Type="String",
        Description="how high",
        Tier="Advanced",
        AllowedPattern=".*",
        Tags=[{"Key": "team", "Value": "web"}],
    )
    ssm.put_parameter(Name="/shop/level", Value="10", Type="String", Overwrite=True)
    ssm.label_parameter_version(Name="/shop/level", ParameterVersion=2, Labels=["live"])
    ssm.put_parameter(Name="/shop/key", Value=SECRET, Type="SecureString")
    return ssm


def facts(drill: Drill) -> Fingerprint:
    drill.use(Cloud).look("now", "settings")
    return drill.use(Cloud).seen["now"]["settings"]


def test_a_parameter_comes_back_with_all_that_belongs_to_it(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    before = facts(drill)
    drill.require(RememberSettings())
    ssm.put_parameter(Name="/shop/level", Value="x", Type="String", Overwrite=True, Description="wrong")
    ssm.label_parameter_version(Name="/shop/level", Labels=["live"])
    assert facts(drill) != before
    assert drill.attempt(DiagnoseSettings())
    assert drill.use(Settings).changed == ["/shop/level"]
    assert drill.attempt(RollBackSettings())
    assert facts(drill) == before
    assert ssm.get_parameter(Name="/shop/level:live")["Parameter"]["Value"] == "10"


def test_a_secret_parameter_comes_back_as_a_secret(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    before = facts(drill)
    drill.require(RememberSettings())
    ssm.put_parameter(Name="/shop/key", Value="wrong", Type="SecureString", Overwrite=True)
    assert drill.attempt(RollBackSettings())
    assert facts(drill) == before
    found = ssm.get_parameter(Name="/shop/key", WithDecryption=True)["Parameter"]
    assert (found["Type"], found["Value"]) == ("SecureString", SECRET)


def test_both_of_two_wrong_parameters_come_back(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    before = facts(drill)
    drill.require(RememberSettings())
    for name, kind in (("/shop/level", "String"), ("/shop/key", "SecureString")):
        ssm.put_parameter(Name=name, Value="wrong", Type=kind, Overwrite=True)
    assert drill.attempt(RollBackSettings())
    assert facts(drill) == before


def test_no_value_is_in_the_journal(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    parameters(drill)
    drill.require(RememberSettings())
    drill.require(WrongSetting("ssm"))
    drill.attempt(RollBackSettings())
    look_for_secrets(drill)
    sought = drill.history.last("secrets.sought", Kind.NOTE)
    assert sought is not None
    assert (sought.data["count"], sought.data["findings"]) == (1, [])
    assert sought.data["bytes"]


def test_a_value_that_is_in_the_journal_is_found(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    ssm.put_parameter(Name="/shop/key", Value='told "again"\\', Type="SecureString", Overwrite=True)
    drill.recorder.note("observed", {"found": 'it says told "again"\\ now'})
    look_for_secrets(drill)
    sought = drill.history.last("secrets.sought", Kind.NOTE)
    assert sought is not None
    assert sought.data["findings"] == ["/shop/key: its value is in the record of this drill"]


def test_a_deleted_parameter_has_no_history_to_come_back_from(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    drill.require(RememberSettings())
    ssm.delete_parameter(Name="/shop/level")
    assert drill.attempt(DiagnoseSettings())
    assert not drill.attempt(RollBackSettings())
    failed = drill.failed["settings.roll_back"]
    assert failed.where == "/shop/level"
    assert "with a parameter its history goes" in failed.found


def test_a_version_that_the_history_does_not_hold_any_more_is_named(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = drill_on(session, tmp_path, SSM)
    ssm = parameters(drill)
    drill.require(RememberSettings())
    ssm.delete_parameter(Name="/shop/level")
    ssm.put_parameter(Name="/shop/level", Value="new", Type="String")
    assert not drill.attempt(RollBackSettings())
    assert drill.failed["settings.roll_back"].found == "version 2 is not in its history any more"


def test_settings_that_nobody_changed_are_not_put_back(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    parameters(drill)
    drill.require(RememberSettings())
    assert not drill.attempt(DiagnoseSettings())
    assert not drill.attempt(RollBackSettings())


def test_a_path_without_parameters_is_said(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, SSM)
    with pytest.raises(PreconditionNotMet, match="no setting is there"):
        drill.require(RememberSettings())


@pytest.mark.parametrize(
    "settings",
    [{"s": {"kind": "ssm"}}, {"s": {"kind": "environment"}}, {"s": {"kind": "appconfig"}}],
    ids=["no path", "no function", "no application"],
)
def test_settings_that_are_not_declared_whole_are_named(
    session: DrillSession, tmp_path: Path, settings: dict[str, Any]
) -> None:
    drill = drill_on(session, tmp_path, settings)
    with pytest.raises(BadInput) as caught:
        drill.require(RememberSettings())
    assert "system.toml: settings.s" in caught.value.where


def test_without_a_wrong_value_there_is_nothing_to_drill(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, {"s": {"kind": "ssm", "path": "/shop/"}})
    with pytest.raises(NotApplicable):
        drill.require(WrongSetting("ssm"))


def flags(drill: Drill) -> dict[str, str]:
    """An application with one document, deployed."""
    api = client(drill, "appconfig")
    app = api.create_application(Name="shop")["Id"]
    env = api.create_environment(ApplicationId=app, Name="live")["Id"]
    profile = api.create_configuration_profile(ApplicationId=app, Name="flags", LocationUri="hosted")["Id"]
    strategy = api.create_deployment_strategy(
        Name="now",
        DeploymentDurationInMinutes=0,
        GrowthFactor=100,
        ReplicateTo="NONE",
        FinalBakeTimeInMinutes=0,
    )["Id"]
    version = api.create_hosted_configuration_version(
        ApplicationId=app,
        ConfigurationProfileId=profile,
        Content=b'{"fast": true}',
        ContentType="application/json",
    )["VersionNumber"]
    api.start_deployment(
        ApplicationId=app,
        EnvironmentId=env,
        ConfigurationProfileId=profile,
        DeploymentStrategyId=strategy,
        ConfigurationVersion=str(version),
    )
    return {"ApplicationId": app, "EnvironmentId": env}


@pytest.mark.parametrize("halfway", [False, True], ids=["deployed", "being deployed"])
def test_a_configuration_goes_back_and_clients_get_it(
    session: DrillSession, tmp_path: Path, halfway: bool
) -> None:
    drill = drill_on(session, tmp_path, FLAGS)
    ids = flags(drill)
    before = facts(drill)
    drill.require(RememberSettings())
    drill.require(WrongSetting("appconfig", halfway=halfway))
    assert facts(drill) != before
    assert drill.attempt(RollBackSettings())
    assert facts(drill) == before
    newest = client(drill, "appconfig").list_deployments(**ids)["Items"]
    states = {item["DeploymentNumber"]: item["State"] for item in newest}
    assert states[max(states)] == ("ROLLED_BACK" if halfway else "COMPLETE")


def test_an_appconfig_application_that_is_not_there_is_named(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, FLAGS)
    with pytest.raises(PreconditionNotMet, match="no AppConfig application 'shop'"):
        drill.require(RememberSettings())


CODE = "import os\ndef handler(event, context):\n    return os.environ['MODE']\n"


def mailer(drill: Drill, code: str = CODE) -> Any:
    functions = client(drill, "lambda")
    functions.create_function(
        FunctionName="mailer",
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/r",
        Code={"ZipFile": packed(code)},
        Environment={"Variables": {"MODE": "good", "OTHER": "kept"}},
        Publish=True,
    )
    functions.create_alias(FunctionName="mailer", Name="LIVE", FunctionVersion="1")
    return functions


def test_variables_go_back_by_the_alias_where_the_code_is_the_same(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = drill_on(session, tmp_path, VARIABLES, function={"mailer": {"name": "mailer"}})
    functions = mailer(drill)
    before = facts(drill)
    drill.require(RememberSettings())
    drill.require(WrongSetting("environment"))
    assert functions.get_alias(FunctionName="mailer", Name="LIVE")["FunctionVersion"] == "2"
    assert drill.attempt(RollBackSettings())
    assert facts(drill) == before
    assert functions.get_alias(FunctionName="mailer", Name="LIVE")["FunctionVersion"] == "1"


def test_variables_go_back_and_newer_code_stays(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, VARIABLES, function={"mailer": {"name": "mailer"}})
    functions = mailer(drill)
    drill.require(RememberSettings())
    functions.update_function_code(FunctionName="mailer", ZipFile=packed(CODE + "# newer\n"))
    drill.require(WrongSetting("environment"))
    newer = functions.get_function_configuration(FunctionName="mailer", Qualifier="LIVE")["CodeSha256"]
    assert drill.attempt(RollBackSettings())
    now = functions.get_function_configuration(FunctionName="mailer", Qualifier="LIVE")
    assert now["CodeSha256"] == newer
    assert now["Environment"]["Variables"] == {"MODE": "good", "OTHER": "kept"}


def test_a_function_without_published_versions_has_no_history(session: DrillSession, tmp_path: Path) -> None:
    spec = {"mailer": {"name": "mailer", "alias": ""}}
    drill = drill_on(session, tmp_path, VARIABLES, function=spec)
    mailer(drill)
    drill.require(RememberSettings())
    drill.require(WrongSetting("environment"))
    assert not drill.attempt(RollBackSettings())
    failed: AttemptFailed = drill.failed["settings.roll_back"]
    assert failed.found == "it has no published version, so its configuration has no history"


EXPIRY = '{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}'
NOTICE = '{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}'


def test_policies_are_given_as_they_are_taken() -> None:
    """Not on the emulator, whose answer about a parameter with policies no client can read."""
    said = {
        "Policies": [{"PolicyText": NOTICE, "PolicyType": "x"}, {"PolicyText": EXPIRY, "PolicyType": "y"}]
    }
    assert policies_of(said) == sorted([EXPIRY, NOTICE])
    assert policies_text(said) == f"[{EXPIRY},{NOTICE}]"
    assert policies_text({"Policies": []}) == ""
