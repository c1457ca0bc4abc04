"""The tutorial, done as it says: its commands, its files, what it promises to see."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOP = Path(__file__).parent / "tutorial"
TUTORIAL = ROOT / "docs" / "tutorial.md"
BIN = Path(sys.executable).parent


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The tutorial's folder, as a reader has made it."""
    shutil.copytree(SHOP, tmp_path / "shop")
    return tmp_path / "shop"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(BIN / program), *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL.read_text(), flags=re.DOTALL)


def commands() -> list[str]:
    lines = "\n".join(fenced("console")).splitlines()
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line.startswith("$ ")]


def test_the_tutorial_shows_the_files_that_are_tested() -> None:
    shown = {*fenced("sql"), *fenced("toml")}
    wanted = [*SHOP.glob("migrations/*.sql"), SHOP / "seed.sql", SHOP / "system.toml"]
    assert [path.name for path in wanted if path.read_text() not in shown] == []


def test_the_tutorial_finds_the_forgotten_grant_and_then_proves_the_rollback(shop: Path) -> None:
    check, first, again, judge, heal = [line for line in commands() if line.startswith("rollproof")]
    assert "003_rollback_002.sql" in run(check, shop).stdout

    found = run(first, shop)
    assert found.returncode == 1
    assert "grant on table public.orders to shop_reports: added" in found.stdout

    script = shop / "migrations" / "003_rollback_002.sql"
    (mended,) = [text for text in fenced("sql") if "REVOKE" in text]
    script.write_text(mended)
    proven = run(again, shop)
    assert proven.returncode == 0, proven.stdout
    assert "refuted" not in proven.stdout

    assert "0 come out otherwise" in run(judge, shop).stdout
    assert "nothing to heal" in run(heal, shop).stdout


def test_every_rollproof_command_of_the_readme_is_one() -> None:
    readme = (ROOT / "README.md").read_text()
    for line in re.findall(r"^\$ (rollproof \S+(?: run| system)?)", readme, flags=re.MULTILINE):
        assert run(f"{line} --help", ROOT).returncode == 0, line
