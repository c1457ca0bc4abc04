"""How a project is taken on, done as its page says, on the tutorial's shop without its system file."""

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
PAGE = ROOT / "docs" / "how-to" / "adopt.md"
BIN = Path(sys.executable).parent
GRANT = "REVOKE SELECT ON public.orders FROM shop_reports;\nDROP INDEX"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository that nobody has drilled."""
    shutil.copytree(SHOP, tmp_path / "shop", ignore=shutil.ignore_patterns("system.toml"))
    return tmp_path / "shop"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(BIN / program), *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_a_repository_is_taken_on_as_the_page_says(shop: Path) -> None:
    lines = "\n".join(fenced("console")).splitlines()
    dry, init, check, drill = [line[2:] for line in lines if line.startswith("$ rollproof")]
    assert "(not written)" in run(dry, shop).stdout
    assert not (shop / "system.toml").exists()
    said = run(init, shop)
    assert said.returncode == 0, said.stdout + said.stderr
    assert re.search(r"^  code +add \[", said.stdout, flags=re.MULTILINE)
    assert "003_rollback_002.sql" in run(check, shop).stdout

    first = run(drill, shop)
    assert first.returncode == 1
    assert "grant on table public.orders to shop_reports: added" in first.stdout
    assert "there were no rows before" in first.stdout

    database, traffic = fenced("toml")
    system = shop / "system.toml"
    head = system.read_text().partition("[[traffic]]")[0]
    system.write_text(head.replace("[database]\n", f"[database]\n{database}") + traffic)
    script = shop / "migrations" / "003_rollback_002.sql"
    script.write_text(script.read_text().replace("DROP INDEX", GRANT))
    proven = run(drill, shop)
    assert proven.returncode == 0, proven.stdout
    assert "refuted" not in proven.stdout
