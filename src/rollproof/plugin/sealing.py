"""A run's place in the index, and its seal, as a pytest session sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.plugin.collector import template_of
from rollproof.plugin.options import settings, table
from rollproof.plugin.plans import plan_of
from rollproof.plugin.systems import FIXTURE

if TYPE_CHECKING:
    from rollproof.drill.recovery import Healed
    from rollproof.drill.session import DrillSession
    from rollproof.model.json import Json
    from rollproof.model.seal import Seal

_CHOSEN = pytest.StashKey[tuple[str, ...]]()
_SEALED = pytest.StashKey[str]()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep which scenarios were chosen, so that one that never begins is missed."""
    session.config.stash[_CHOSEN] = tuple(item.nodeid for item in session.items if _is_drill(item))


def _is_drill(item: pytest.Item) -> bool:
    """A scenario on a system, or a test that asks for the drill; one that reads the system alone is none."""
    names = getattr(item, "fixturenames", ())
    scenario = template_of(getattr(item, "function", None)) is not None
    return FIXTURE in names and (scenario or "drill" in names)


def seal_settings(config: pytest.Config) -> Seal:
    """`[tool.rollproof.seal]`, or what holds without it."""
    from rollproof.model.seal import Seal

    given = table(config)
    return given.seal if given is not None else Seal()


def about_run(config: pytest.Config) -> dict[str, Json]:
    """What `run.started` says of who drills and who will sign. Errors as `about_seal`."""
    from rollproof.seal.sealing import about_seal

    return about_seal(seal_settings(config), config.rootpath)


def enter_run(config: pytest.Config, run: str) -> None:
    """Before anything else is written: in the index that a run was planned, and how much of it."""
    from rollproof.evidence.register import Register

    chosen = config.stash.get(_CHOSEN, ())
    plan = plan_of(config)
    Register(settings(config).reports).planned(
        run,
        {
            "environment": settings(config).environment,
            "plan": plan.name if plan else "",
            "scenarios": len(chosen),
            "digest": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest(),
        },
    )


def note_plan(config: pytest.Config, session: DrillSession) -> None:
    """Which scenarios were chosen, in the journal; the plan itself beside it."""
    chosen, plan = config.stash.get(_CHOSEN, ()), plan_of(config)
    if plan is not None:
        _copy_plan(plan.source, session.folder)
    session.recorder.note("run.planned", {"count": len(chosen), "items": list(chosen)})


def note_standing(config: pytest.Config, session: DrillSession) -> None:
    """How everything stands before this run. Raises RollproofError when that cannot be read."""
    from rollproof.evidence.standing.record import note_earlier

    note_earlier(session.recorder, settings(config).reports, controls_of(config))


def controls_of(config: pytest.Config) -> dict[str, Json]:
    """The project's own map of drills to controls; nothing without one. Raises SystemFileError."""
    given = table(config)
    if given is None or not given.controls:
        return {}
    from rollproof.evidence.standing.controlsfile import read_controls

    return read_controls(given.root / given.controls, given.feature_paths).to_json()


def _copy_plan(source: Path, folder: Path) -> None:
    """The plan beside the journal, without the addresses of those who are told of it."""
    from rollproof.privacy import without
    from rollproof.privacy.known import without_known

    text = without(without_known(source.read_text(encoding="utf-8")))  # and the rest of it stays TOML
    (folder / "plan.toml").write_text(text, encoding="utf-8")


def close_session(config: pytest.Config, folder: Path) -> None:
    """Seals the run and keeps what the terminal says of it. Errors as `close_run`."""
    from rollproof.seal.closing import send_copies
    from rollproof.seal.sealing import seal_run

    config.stash[_SEALED] = "not sealed"
    wanted = seal_settings(config)
    sealed = seal_run(folder, wanted, root=config.rootpath)
    config.stash[_SEALED] = str(sealed)
    send_copies(sealed, wanted, root=config.rootpath)


def said_of_seal(config: pytest.Config) -> str:
    """For the terminal: who signed, or that nobody did."""
    return config.stash.get(_SEALED, "not sealed")


def close_earlier(config: pytest.Config, healed: Sequence[Healed]) -> list[str]:
    """Reports and seals for runs that have just been healed; what could not be done, a line each."""
    from rollproof.seal.closing import close_healed

    return close_healed(list(healed), seal_settings(config), root=config.rootpath) if healed else []
