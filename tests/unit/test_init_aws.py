"""`rollproof init` in repositories with CloudFormation, SAM and the CDK."""

from __future__ import annotations

import json
from pathlib import Path

from tool_support import write

from rollproof.adopt.survey import Adopted, adopt
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

SAM = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
  Prefix: { Type: String, Default: shop }
  Password: { Type: String, NoEcho: true, Default: hunter2hunter2 }
  Vpc: { Type: String }
Resources:
  OrdersFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${Prefix}-orders-${Stage}"
      AutoPublishAlias: live
      Events:
        List: { Type: Api, Properties: { Path: /orders, Method: get } }
        Well: { Type: Api, Properties: { Path: /health, Method: get } }
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties: { Handler: a.b }
  Hidden:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !Sub "x-${Password}" }
  CartsTable:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !Join ["-", [!Ref Prefix, carts, !Ref Stage]] }
  Front: { Type: AWS::S3::Bucket, Properties: { BucketName: !Sub "front-${AWS::AccountId}" } }
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins: [{ Id: s3, DomainName: !GetAtt Front.RegionalDomainName }]
  DbSecret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: shop/db
      GenerateSecretString: { SecretStringTemplate: '{"username": "shop"}', GenerateStringKey: password }
  ErrorsAlarm: { Type: AWS::CloudWatch::Alarm, Properties: { AlarmName: shop-errors } }
  Topic: { Type: AWS::SNS::Topic, Properties: { TopicName: shop-ops } }
  Page: { Type: AWS::SSM::Parameter, Properties: { Name: /shop/limits/page, Type: String, Value: "20" } }
  Size: { Type: AWS::SSM::Parameter, Properties: { Name: /shop/limits/size, Type: String, Value: "20" } }
Outputs:
  Url: { Value: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/" }
  EdgeId: { Value: !Ref Edge }
"""
CONFIG = 'version = 0.1\n[default.deploy.parameters]\nstack_name = "shop-live"\n'


def initiated(folder: Path) -> tuple[Adopted, System]:
    adopted = adopt(folder)
    write(folder, {"system.toml": adopted.system})
    return adopted, read_system(folder / "system.toml")


def test_a_sam_template_is_a_stack_with_all_that_it_names(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": SAM, "samconfig.toml": CONFIG, "package.json": '{"name": "shop"}'})
    adopted, system = initiated(tmp_path)
    stack = system.stack["shop"]
    assert (stack.name, stack.template, stack.parameters) == (
        "shop-live",
        "template.yaml",
        {"Stage": "{env}"},
    )
    assert {key: item.name for key, item in system.function.items()} == {"orders": "shop-orders-{env}"}
    assert system.function["orders"].alias == "live"
    assert {key: item.name for key, item in system.table.items()} == {"carts": "shop-carts-{env}"}
    api = system.api["serverless-rest"]
    assert (api.stack, api.output, api.stage, api.health) == ("shop", "Url", "Prod", "/health")
    assert api.functions == ("orders",)
    assert system.site["front"].bucket == "front-{account}"
    assert system.site["front"].distribution == "EdgeId"
    assert "name their folder within a release: builds" in adopted.system
    assert system.secret["db"].kind == "postgres"
    assert system.alarm["errors"].name == "shop-errors"
    assert system.settings["parameters"].path == "/shop/limits/"
    assert system.notifications is not None
    assert system.notifications.topic == "shop-ops"
    assert "# guessed from template.yaml:9" in adopted.system
    assert "to be given in `parameters`: Vpc." in adopted.system
    assert "hunter2" not in str(adopted)


def test_checkouts_of_releases_are_not_the_project_once_more(tmp_path: Path) -> None:
    checkout = {".git": "gitdir: /home/x/shop/.git/worktrees/v1\n", "template.yaml": SAM}
    write(
        tmp_path, {"template.yaml": SAM, **{f"releases/v1/{name}": text for name, text in checkout.items()}}
    )
    write(
        tmp_path, {"libs/front/.git": "gitdir: ../../.git/modules/front\n", "libs/front/template.yaml": SAM}
    )
    _, system = initiated(tmp_path)
    assert {stack.template for stack in system.stack.values()} == {
        "template.yaml",
        "libs/front/template.yaml",
    }


def test_what_a_template_does_not_name_is_a_comment_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": SAM})
    adopted, _ = initiated(tmp_path)
    assert "# [function.hello]" in adopted.system
    assert any(table == "[function.hello]" and "FunctionName" in why for table, why in adopted.left_out)
    assert "# [[release]]" in adopted.system


def test_a_cloud_assembly_is_read_and_its_assets_passed_over(tmp_path: Path) -> None:
    template = {
        "Resources": {
            "CartsTable1A2B3C4D": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "carts"}}
        }
    }
    manifest = {
        "version": "40.0.0",
        "artifacts": {
            "ShopStack": {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": "ShopStack.template.json", "stackName": "shop-prod"},
            }
        },
    }
    write(
        tmp_path,
        {
            "cdk.json": "{}",
            "cdk.out/manifest.json": json.dumps(manifest),
            "cdk.out/ShopStack.template.json": json.dumps(template, indent=1),
            "cdk.out/asset.12/other.template.json": json.dumps(template),
        },
    )
    adopted, system = initiated(tmp_path)
    assert {key: (item.name, item.template) for key, item in system.stack.items()} == {
        "shop-stack": ("shop-prod", "ShopStack.template.json")
    }
    assert system.table["carts"].stack == "shop-stack"
    assert "cdk synth --output" in adopted.system
    assert "# guessed from cdk.out/ShopStack.template.json:3" in adopted.system


def test_a_cdk_program_that_was_not_synthesised_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"infra/cdk.json": '{"app": "node x.js"}'})
    adopted, _ = initiated(tmp_path)
    assert not adopted.empty
    assert "infra/cdk.json: no cdk.out beside it; run `cdk synth` there, then init again" in adopted.notes


def test_templates_for_show_are_passed_over_when_there_are_others(tmp_path: Path) -> None:
    write(tmp_path, {"deploy/a.yaml": SAM, "examples/b.yaml": SAM})
    _, system = initiated(tmp_path)
    assert [stack.template for stack in system.stack.values()] == ["deploy/a.yaml"]


def test_two_stacks_share_no_keys(tmp_path: Path) -> None:
    write(tmp_path, {"a/template.yaml": SAM, "b/template.yaml": SAM})
    adopted, system = initiated(tmp_path)
    assert set(system.stack) == {"a", "b"}
    assert {key: item.stack for key, item in system.table.items()} == {"carts": "a", "carts-2": "b"}
    assert any(note.startswith("2 topics") for note in adopted.notes)


def test_a_blank_that_new_projects_are_made_from_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": SAM, "blank/{{cookiecutter.name}}/template.yaml": "{% if %}" + SAM})
    adopted, system = initiated(tmp_path)
    assert len(system.stack) == 1
    assert not any("not YAML" in note for note in adopted.notes)


def test_many_programs_that_are_not_packaged_are_one_note(tmp_path: Path) -> None:
    write(tmp_path, {f"s{number}/serverless.yml": "service: x" for number in range(3)})
    adopted, _ = initiated(tmp_path)
    assert [note for note in adopted.notes if "serverless package" in note] == [
        "s0/serverless.yml and 2 more: run `serverless package`, and name the template that it writes"
    ]


PICKY = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: prod, AllowedValues: [prod, dev] }
  AppEnv: { Type: String, AllowedPattern: "[a-z]{3}", Default: tst }
  Team: { Type: String }
  Token: { Type: String, NoEcho: true }
Mappings:
  Names: { dev: { Table: carts-dev }, prod: { Table: carts } }
Conditions:
  IsLive: !Equals [!Ref Stage, prod]
  Round: !Not [!Condition Round]
  IsTried: !And [!Not [!Condition IsLive], !Equals [!Ref Team, blue]]
Globals: { Function: { AutoPublishAlias: serving } }
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: !If [IsLive, orders, !Sub "orders-${Stage}"] }
  Bare:
    Type: AWS::Lambda::Function
    Properties: { FunctionName: bare }
  Named:
    Type: AWS::Lambda::Function
    Properties: { FunctionName: named }
  NamedLive:
    Type: AWS::Lambda::Alias
    Properties: { FunctionName: !GetAtt Named.Arn, Name: live }
  Carts:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !FindInMap [Names, !Ref Stage, Table] }
  Pager: { Type: AWS::CloudWatch::Alarm, Condition: IsLive, Properties: { AlarmName: pager } }
  Odd: { Type: AWS::CloudWatch::Alarm, Condition: Round, Properties: { AlarmName: odd } }
  Tried: { Type: AWS::CloudWatch::Alarm, Condition: IsTried, Properties: { AlarmName: tried } }
"""
TEAM = """\
[default.deploy.parameters]
stack_name = "shop"
parameter_overrides = "Stage=prod Team=blue Token=hunter2hunter2"
"""


def test_parameters_have_values_that_the_template_takes(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": PICKY, "samconfig.toml": TEAM})
    adopted, system = initiated(tmp_path)
    (stack,) = system.stack.values()
    assert stack.parameters == {"Stage": "dev", "AppEnv": "tst", "Team": "blue"}
    assert "to be given in `parameters`: Token." in adopted.system
    assert "hunter2" not in str(adopted)


def test_names_follow_the_conditions_and_mappings_of_the_template(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": PICKY, "samconfig.toml": TEAM})
    adopted, system = initiated(tmp_path)
    assert {key: item.name for key, item in system.table.items()} == {"carts": "carts-dev"}
    assert system.function["orders"].name == "orders-dev"
    assert set(system.alarm) == {"odd", "tried"}
    assert [block for block, why in adopted.left_out if "IsLive" in why] == ["[alarm.pager]"]


def test_a_function_has_the_alias_that_its_template_gives_it_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": PICKY, "samconfig.toml": TEAM})
    _, system = initiated(tmp_path)
    aliases = {key: item.alias for key, item in system.function.items()}
    assert aliases == {"orders": "serving", "bare": "", "named": "live"}
