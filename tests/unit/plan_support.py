"""Plans written for tests: a small sound one, and what is changed of it."""

from __future__ import annotations

from pathlib import Path

from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan

SOUND = """[plan]
name = "weekly"
systems = ["system.toml"]
features = ["features"]
"""


def write_plan(folder: Path, more: str = "", *, body: str = SOUND, name: str = "weekly.toml") -> Path:
    """A plan beside the system and the features that it names; read from `folder`."""
    (folder / "features").mkdir(exist_ok=True)
    (folder / "migrations").mkdir(exist_ok=True)
    if not (folder / "system.toml").exists():
        (folder / "system.toml").write_text('[system]\nname = "shop"\n')
    path = folder / name
    path.write_text(body + more)
    return path


def plan_of(folder: Path, more: str = "", *, timezone: str = "UTC") -> Plan:
    body = SOUND + f'timezone = "{timezone}"\n'
    return read_plan(write_plan(folder, more, body=body))
