"""Secrets that are kept in an AWS account: read, changed, refused and lost, and told nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from function_support import package
from stack_support import client, make_drill
from validate_docbr import CPF

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.settings import RememberSettings, RollBackSettings
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import RollproofError
from rollproof.evidence.write import write_reports
from rollproof.journal.redaction import cut_all
from rollproof.model.seal import Seal
from rollproof.seal.sealing import seal_run

DATABASE, API_KEY, SECURE, EARLIER, FLAG, VARIABLE, IN_ADDRESS, STACK, OUTPUT, ITEM = NEEDLES = (
    "Serra/do Mar&77",
    "chave-4410xY",
    "Pico da Neblina 9",
    "Monte Roraima 3",
    "bandeira-Z31x",
    "variavel-Q18b",
    "Itatiaia@2791",
    "pilha-K55wR",
    "saida-T90mV",
    "11987654321",
)
ITEM_CPF = CPF().generate()
SYSTEM = {
    "secret": {
        "database": {"name": "shop/database", "kind": "postgres"},
        "key": {"name": "shop/key", "kind": "api-key"},
    },
    "settings": {
        "parameters": {"kind": "ssm", "path": "/shop/", "wrong": {"level": "wrong"}},
        "flags": {"kind": "appconfig", "application": "shop", "environment": "live", "profile": "flags"},
        "mode": {"kind": "environment", "function": "mailer"},
    },
    "function": {"mailer": {"name": "mailer", "alias": "LIVE"}},
    "stack": {"base": {"name": "base", "template": "base.json"}},
    "table": {"people": {"name": "people"}},
}
KINDS = ("secret", "settings", "function", "stack", "table")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that read, changed and lost all of them."""
    folder = tmp_path_factory.mktemp("aws") / "run"
    session = DrillSession(folder=folder, run="run", environment=EmbeddedEnvironment())
    session.start(systems=[], command=["pytest"])
    try:
        drill_all(make_drill(session, folder.parent, SYSTEM, tags=("settings",)))
    finally:
        session.finish("unknown")
    write_reports(folder)
    return folder


def drill_all(drill: Drill) -> None:
    fill(drill)
    cloud = drill.use(Cloud)
    cloud.look("before", *KINDS)
    drill.require(RememberSettings())
    change(drill)
    cloud.look("after", *KINDS)
    for kind in KINDS:
        cloud.compare(kind, label="after")
    drill.attempt(RollBackSettings())
    complain(drill)
    drill.conclude()


def fill(drill: Drill) -> None:
    manager, ssm = client(drill, "secretsmanager"), client(drill, "ssm")
    whole = {"username": "shop", "password": DATABASE, "engine": "postgres", "host": "h", "port": 5432}
    manager.create_secret(Name="shop/database", SecretString=json.dumps(whole))
    manager.create_secret(Name="shop/key", SecretString=API_KEY)
    ssm.put_parameter(Name="/shop/key", Value=EARLIER, Type="SecureString")
    ssm.put_parameter(Name="/shop/key", Value=SECURE, Type="SecureString", Overwrite=True)
    ssm.put_parameter(Name="/shop/level", Value="10", Type="String")
    variables = {"API_TOKEN": VARIABLE, "CACHE_URL": f"redis://:{IN_ADDRESS}@cache:6379/0"}
    client(drill, "lambda").create_function(
        FunctionName="mailer",
        Runtime="python3.12",
        Role=f"arn:aws:iam::{drill.use(Cloud).endpoint.account}:role/tests",
        Handler="app.handler",
        Code={"ZipFile": package("def handler(event, context): return 1")},
        Environment={"Variables": variables},
        Publish=True,
    )
    client(drill, "lambda").create_alias(FunctionName="mailer", Name="LIVE", FunctionVersion="1")
    template = {
        "Parameters": {"Password": {"Type": "String"}},
        "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {"Told": {"Value": OUTPUT}},
    }
    given = [{"ParameterKey": "Password", "ParameterValue": STACK}]
    client(drill).create_stack(StackName="base", TemplateBody=json.dumps(template), Parameters=given)
    deploy_flags(drill)
    keys = {"KeySchema": [{"AttributeName": "cpf", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    dynamo = client(drill, "dynamodb")
    dynamo.create_table(
        TableName="people", AttributeDefinitions=[{"AttributeName": "cpf", "AttributeType": "S"}], **keys
    )
    dynamo.put_item(TableName="people", Item={"cpf": {"S": ITEM_CPF}, "phone": {"S": ITEM}})


def deploy_flags(drill: Drill) -> None:
    api = client(drill, "appconfig")
    app = api.create_application(Name="shop")["Id"]
    where = {
        "ApplicationId": app,
        "EnvironmentId": api.create_environment(ApplicationId=app, Name="live")["Id"],
    }
    profile = api.create_configuration_profile(ApplicationId=app, Name="flags", LocationUri="hosted")["Id"]
    at_once = {"DeploymentDurationInMinutes": 0, "GrowthFactor": 100, "FinalBakeTimeInMinutes": 0}
    strategy = api.create_deployment_strategy(Name="now", ReplicateTo="NONE", **at_once)["Id"]
    version = api.create_hosted_configuration_version(
        ApplicationId=app,
        ConfigurationProfileId=profile,
        Content=json.dumps({"mail": {"token": FLAG}}).encode(),
        ContentType="application/json",
    )["VersionNumber"]
    api.start_deployment(
        **where,
        ConfigurationProfileId=profile,
        DeploymentStrategyId=strategy,
        ConfigurationVersion=str(version),
    )


def change(drill: Drill) -> None:
    """Each of them other than it was, so that each is a difference."""
    client(drill, "secretsmanager").put_secret_value(SecretId="shop/key", SecretString=f"{API_KEY}2")
    ssm = client(drill, "ssm")
    ssm.put_parameter(Name="/shop/key", Value=f"{SECURE}2", Type="SecureString", Overwrite=True)
    client(drill, "lambda").update_function_configuration(
        FunctionName="mailer", Environment={"Variables": {"API_TOKEN": f"{VARIABLE}2"}}
    )
    client(drill, "dynamodb").delete_item(TableName="people", Key={"cpf": {"S": ITEM_CPF}})


def complain(drill: Drill) -> None:
    """What AWS and its client refuse, they quote."""
    for value in set(NEEDLES) - {OUTPUT, ITEM}:  # of these nobody knows that they are secret
        for parameters in (
            {"SecretId": [value]},
            {"SecretId": f"shop/{value}"},
            {"SecretId": "x" * 600 + value},
        ):
            try:
                with calling("asking for what there is not", where="x"):
                    client(drill, "secretsmanager").get_secret_value(**parameters)
            except RollproofError as error:
                drill.recorder.note("observe", {"found": error.found, "reason": cut_all(str(error))})


def texts(run: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_nothing_of_a_secret_is_in_any_file_of_the_run(run: Path) -> None:
    wanted = [*NEEDLES, *(json.dumps(value)[1:-1] for value in NEEDLES), ITEM_CPF]
    found = {(place, one) for place, text in texts(run).items() for one in wanted if one.encode() in text}
    assert not found


def test_each_of_them_is_compared_all_the_same(run: Path) -> None:
    said = b"".join(texts(run).values())
    for name in (b"secret value", b"/shop/key", b"API_TOKEN"):
        assert name in said
    assert b"asking for what there is not" in said or b"Parameter validation failed" in said


def test_the_run_can_be_sealed(run: Path) -> None:
    assert seal_run(run, Seal(), root=run.parent).key is None
