"""Releases as folders: what is read of them, and what is said when one is not as it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollproof.components.aws.assembly import read_release
from rollproof.components.aws.packaging import zipped
from rollproof.components.aws.templates import parse, read_template
from rollproof.errors import BadInput
from rollproof.model.aws import Stack

TEMPLATE: dict[str, Any] = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
STACK = Stack(name="shop-{env}", template="Shop.template.json")


def fill(text: str) -> str:
    return text.replace("{env}", "dev")


def manifest(**changes: Any) -> dict[str, Any]:
    artifacts = {
        "Shop.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Shop.assets.json"}},
        "Shop": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "Shop.template.json", "tags": {"team": "shop"}},
            "dependencies": ["Shop.assets"],
        },
    }
    return {"version": "36.0.0", "artifacts": artifacts, **changes}


def assets(**changes: Any) -> dict[str, Any]:
    files = {
        "abc": {
            "source": {"path": "asset.abc", "packaging": "zip"},
            "destinations": {"here": {"bucketName": "b-${AWS::AccountId}", "objectKey": "abc.zip"}},
        }
    }
    return {"version": "36.0.0", "files": files, "dockerImages": {}, **changes}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "asset.abc").mkdir()
    (tmp_path / "asset.abc" / "index.py").write_text("handler = print\n")
    put(tmp_path, "manifest.json", manifest())
    put(tmp_path, "Shop.assets.json", assets())
    put(tmp_path, "Shop.template.json", TEMPLATE)
    return tmp_path


def put(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_cloud_assembly_gives_stacks_with_their_assets_and_tags(release: Path) -> None:
    [source] = read_release(release, {"shop": STACK}, fill=fill)
    assert (source.name, source.tags) == ("shop-dev", {"team": "shop"})
    assert [(asset.key, asset.packaging) for asset in source.assets] == [("abc.zip", "zip")]


@pytest.mark.parametrize("version", ["99.0.0", "0.1.0", "new", "", None])
def test_a_manifest_of_an_unknown_version_is_refused(release: Path, version: str | None) -> None:
    put(release, "manifest.json", manifest(version=version))
    with pytest.raises(BadInput, match="not known here") as caught:
        read_release(release, {"shop": STACK}, fill=fill)
    assert "manifest.json" in caught.value.where


def test_a_manifest_that_is_no_json_is_named(release: Path) -> None:
    put(release, "manifest.json", "{")
    with pytest.raises(BadInput, match="cannot be read") as caught:
        read_release(release, {"shop": STACK}, fill=fill)
    assert "cdk synth" in caught.value.remedy


def test_an_asset_that_is_not_there_is_named(release: Path) -> None:
    (release / "asset.abc" / "index.py").unlink()
    (release / "asset.abc").rmdir()
    with pytest.raises(BadInput, match=r"asset abc: asset\.abc is not there"):
        read_release(release, {"shop": STACK}, fill=fill)


def test_docker_images_are_named_as_not_supported_with_what_to_do(release: Path) -> None:
    put(release, "Shop.assets.json", assets(dockerImages={"x": {}}))
    with pytest.raises(BadInput, match="1 Docker image assets") as caught:
        read_release(release, {"shop": STACK}, fill=fill)
    assert "[deploy] command" in caught.value.remedy


def test_an_asset_that_a_command_builds_is_named_as_not_supported(release: Path) -> None:
    put(release, "Shop.assets.json", assets(files={"x": {"source": {"executable": ["make"]}}}))
    with pytest.raises(BadInput, match="built by a command"):
        read_release(release, {"shop": STACK}, fill=fill)


def test_a_stack_that_the_assembly_has_not_is_told_with_those_that_it_has(release: Path) -> None:
    other = STACK.model_copy(update={"template": "Other.template.json"})
    with pytest.raises(BadInput) as caught:
        read_release(release, {"shop": other}, fill=fill)
    assert "Shop.template.json" in caught.value.remedy


def test_stacks_of_a_stage_are_found_within_its_own_assembly(release: Path, tmp_path: Path) -> None:
    stage = tmp_path / "assembly-Prod"
    stage.mkdir()
    for name in ("Shop.assets.json", "Shop.template.json"):
        (release / name).rename(stage / name)
    (release / "asset.abc").rename(stage / "asset.abc")
    put(stage, "manifest.json", manifest())
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    put(release, "manifest.json", manifest(artifacts={"assembly-Prod": nested}))
    [source] = read_release(release, {"shop": STACK}, fill=fill)
    assert source.path == stage / "Shop.template.json"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        read_release(tmp_path / "gone", {"shop": STACK}, fill=fill)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Resources: {Topic: {Type: [", "neither JSON nor YAML"),
        ("{", "neither JSON nor YAML"),
        ("just words", "no Resources"),
        ("Resources: {}", "no Resources"),
        ("Resources: {Topic: {Properties: {}}}", "Topic has no Type"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path, "t.yaml", text)
    with pytest.raises(BadInput, match=says):
        read_template(tmp_path / "t.yaml")


def test_a_template_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such template"):
        read_template(tmp_path / "t.yaml")


def test_short_tags_are_written_out_and_dates_stay_texts() -> None:
    text = "a: !Ref B\nc: !GetAtt D.Arn\ne: !Sub '${F}'\nVersion: 2012-10-17\ng: !If [H, !Ref I, 1]"
    assert parse(text, where="t") == {
        "a": {"Ref": "B"},
        "c": {"Fn::GetAtt": ["D", "Arn"]},
        "e": {"Fn::Sub": "${F}"},
        "Version": "2012-10-17",
        "g": {"Fn::If": ["H", {"Ref": "I"}, 1]},
    }


def test_the_yaml_of_everybody_else_is_left_as_it_is() -> None:
    import yaml

    parse("a: !Ref B", where="t")
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load("a: !Ref B")


def test_stacks_that_depend_on_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path, f"{name}.json", TEMPLATE)
    stacks = {
        "a": Stack(name="a", template="a.json", after=("b",)),
        "b": Stack(name="b", template="b.json", after=("a",)),
    }
    with pytest.raises(BadInput, match="circle"):
        read_release(tmp_path, stacks, fill=fill)


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b.py").write_text("b")
        (tmp_path / name / "a.py").write_text("a")
    assert zipped(tmp_path / "one") == zipped(tmp_path / "two")
