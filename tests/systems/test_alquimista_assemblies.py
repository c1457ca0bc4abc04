"""The reference system's releases as files: made from their sources, sound, and broken in one way each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from alquimista_support import HOME

from rollproof.model.systemfile import read_system

RELEASES = HOME / "releases"
SYSTEM = read_system(HOME / "system.toml")
CURRENT = "2.4.0"
BROKEN = {release.broken: release.name for release in SYSTEM.release if release.broken}
STACKS = [spec.template for spec in SYSTEM.stack.values()]
UNDER = re.compile(r"(?<=[0-9A-F]{8})[0-9a-f]{32}")
"""what is added to the id of a version or a deployment, which have to be others in each release"""
IN_FUNCTIONS = {
    "handler-bug": {"list-agents/agents.py"},
    "missing-migration": {"list-agents/agents.py"},
    "slow": {"list-agents/agents.py"},
    "feature-bug": {"leads/leads.py"},
}
IN_TEMPLATES = {
    "wrong-variable": {"ListAgents Environment DATABASE_SECRET"},
    "failing-create": {"agents/page-size", "memory", "Signal"},
    "failing-update": {"agents/page-size", "memory", "Gate"},
}
IN_FRONTEND = {"frontend-missing-asset": {"-style.css"}, "frontend-script-error": {"app.js"}}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def assets(release: str) -> dict[str, str]:
    """Function -> folder of its code, by the Lambda function's own path in the template."""
    found = {}
    for template in STACKS:
        for item in load(release, template)["Resources"].values():
            if path := item.get("Metadata", {}).get("aws:asset:path"):
                found[item["Metadata"]["aws:cdk:path"].split("/", 1)[1]] = path
    return found


def load(release: str, template: str) -> Any:
    return json.loads((RELEASES / release / template).read_text())


def leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in items:
            yield from leaves(part, f"{at}/{key}")
    else:
        yield at, value


def comparable(release: str, template: str) -> dict[str, object]:
    """A template's values, but for digests of code and the release's name."""
    text = json.dumps(load(release, template)).replace(release, "RELEASE")
    for path in assets(release).values():
        text = text.replace(path.removeprefix("../asset."), "CODE")
    return dict(leaves(json.loads(UNDER.sub("", text))))


def differing(release: str) -> set[str]:
    """Paths of the values in which a release's templates are not those of the current one."""
    found: set[str] = set()
    for template in STACKS:
        ours, theirs = comparable(release, template), comparable(CURRENT, template)
        found |= {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}
    return found


def code_differing(release: str) -> set[str]:
    """Files of functions that are not those of the current release."""
    found, theirs = set(), assets(CURRENT)
    for name, path in assets(release).items():
        if name in theirs:
            ours, other = files(RELEASES / release / path), files(RELEASES / CURRENT / theirs[name])
            changed = {file for file in ours.keys() | other.keys() if ours.get(file) != other.get(file)}
            found |= {f"{FUNCTIONS[name]}/{file}" for file in changed}
    return found


FUNCTIONS = {
    "ListAgents/Resource": "list-agents",
    "Leads/Resource": "leads",
    "Commands/Resource": "commands",
    "RotateSecret/Resource": "rotate-secret",
}


def frontend_differing(release: str) -> set[str]:
    """What the frontend lacks (`-style.css`), or has otherwise, but for the release's name."""
    ours, theirs = site(release), site(CURRENT)
    return {f"-{name}" for name in theirs.keys() - ours.keys()} | {
        name for name in ours if name != "index.html" and ours[name] != theirs[name]
    }


def site(release: str) -> dict[str, bytes]:
    """The built files by their names without the hash."""
    built = files(RELEASES / release / "frontend")
    return {
        re.sub(r"\.[0-9a-f]{8}(?=\.)", "", name): text.replace(release.encode(), b"RELEASE")
        for name, text in built.items()
    }


def test_the_folders_are_what_their_sources_make(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-B", str(HOME / "aws" / "synth.py"), "--output", str(tmp_path)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert files(tmp_path) == files(RELEASES), "run python aws/synth.py"


def test_the_system_file_declares_every_release_oldest_first() -> None:
    names = [release.name for release in SYSTEM.release]
    assert names == list(dict.fromkeys(names))
    assert {path.name for path in RELEASES.iterdir() if not path.name.startswith("asset.")} == set(names)
    assert [release.name for release in SYSTEM.release if not release.broken] == ["2.3.0", CURRENT]
    assert all(release.path == f"releases/{release.name}" for release in SYSTEM.release)


@pytest.mark.parametrize("release", [release.name for release in SYSTEM.release])
def test_what_a_template_refers_to_is_listed_and_there(release: str) -> None:
    for template in STACKS:
        listed = json.loads((RELEASES / release / template.replace("template", "assets")).read_text())
        keys = {next(iter(f["destinations"].values()))["objectKey"] for f in listed["files"].values()}
        wanted = {value for path, value in leaves(load(release, template)) if path.endswith("/S3Key")}
        assert wanted <= keys
        assert all((RELEASES / release / f["source"]["path"]).exists() for f in listed["files"].values())


def mistakes(*templates: Path) -> str:
    """What CloudFormation would refuse. Whether a runtime is too old (E2531) depends on the day alone."""
    options = ["--regions", "us-east-1", "--ignore-checks", "W", "I", "E2531"]
    command = [str(Path(sys.executable).with_name("cfn-lint")), *map(str, templates), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, 2), done.stderr  # 2: there are errors
    return done.stdout


def test_cloudformation_would_take_the_templates() -> None:
    shapes = ("2.3.0", CURRENT, BROKEN["failing-create"], BROKEN["failing-update"])
    assert mistakes(*(RELEASES / release / name for release in shapes for name in STACKS)) == ""


def test_the_linter_would_notice_a_mistake(tmp_path: Path) -> None:
    wrong = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableNam": "x"}}}}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    assert "TableNam" in mistakes(tmp_path / "wrong.json")


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_release_is_broken_in_its_one_way(kind: str) -> None:
    release = BROKEN[kind]
    assert code_differing(release) == IN_FUNCTIONS.get(kind, set())
    assert frontend_differing(release) == IN_FRONTEND.get(kind, set())
    said = {change_of(path) for path in differing(release)}
    assert said == IN_TEMPLATES.get(kind, set())


def change_of(path: str) -> str:
    """A changed value by what it is about."""
    about = {
        "DATABASE_SECRET": "ListAgents Environment DATABASE_SECRET",
        "/MemorySize": "memory",
        "SettingsAgentsPageSize": "agents/page-size",
        "/Resources/Gate": "Gate",
        "/Resources/Signal": "Signal",
    }
    return next((name for part, name in about.items() if part in path), path)


def test_the_previous_release_differs_in_every_stack_and_in_code_and_page() -> None:
    changed = {
        template for template in STACKS if comparable("2.3.0", template) != comparable(CURRENT, template)
    }
    assert changed == set(STACKS)
    assert {path.split("/")[0] for path in code_differing("2.3.0")} == {"list-agents", "leads", "commands"}
    assert frontend_differing("2.3.0") == {"app.js"}


@pytest.mark.parametrize("release", [release.name for release in SYSTEM.release])
def test_a_page_names_files_that_are_there_and_no_others(release: str) -> None:
    built = files(RELEASES / release / "frontend")
    page = built.pop("index.html").decode()
    named = set(re.findall(r'(?:src|href)="/([^"]+)"', page))
    missing = {name.split(".")[0] for name in named - built.keys()}
    assert missing == ({"style"} if release == BROKEN["frontend-missing-asset"] else set())
    assert built.keys() <= named
    assert "//" not in re.sub(r"xmlns=\S+", "", page), "the page asks for nothing elsewhere"


def test_no_two_releases_share_a_built_file() -> None:
    names = [name for r in SYSTEM.release for name in files(RELEASES / r.name / "frontend")]
    hashed = [name for name in names if name != "index.html" and not name.startswith("app.")]
    assert len(hashed) == len(set(hashed))
