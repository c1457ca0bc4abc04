"""What happens to a run when it is over: one journal, reports, the seal, and copies of its head elsewhere."""

from __future__ import annotations

from pathlib import Path

from rollproof.drill.merging import merge_parts
from rollproof.drill.recovery import JOURNAL, Healed
from rollproof.errors import RollproofError
from rollproof.evidence.register import Register
from rollproof.evidence.write import write_reports
from rollproof.model.json import Json
from rollproof.model.seal import Seal
from rollproof.seal.sealing import Sealed, about_seal, is_sealed, seal_run


def close_run(folder: Path, settings: Seal, *, root: Path) -> Sealed | None:
    """Merges the workers' journals, writes the reports, seals, and sends copies where `settings` says.

    None when nothing was drilled, or when the run was closed before.
    Raises what `seal_run` and `send_copies` raise; the reports are written by then.
    """
    if not prepare(folder):
        return None
    sealed = seal_run(folder, settings, root=root)
    send_copies(sealed, settings, root=root)
    return sealed


def open_run(reports: Path, run: str, settings: Seal, *, root: Path, environment: str) -> dict[str, Json]:
    """Enters a run of one scenario into the index; what its `run.started` says of who drills and signs.

    Raises what `about_seal` and `Register.planned` raise.
    """
    about = about_seal(settings, root)
    Register(reports).planned(run, {"environment": environment, "plan": "", "scenarios": 1})
    return about


def close_quietly(folder: Path, settings: Seal, *, root: Path) -> str:
    """Seals a run whose reports are written, and says how it went; never raises RollproofError."""
    try:
        sealed = seal_run(folder, settings, root=root)
        send_copies(sealed, settings, root=root)
    except RollproofError as error:
        return f"not sealed: {error}" if not is_sealed(folder) else f"sealed; {error}"
    return str(sealed)


def prepare(folder: Path) -> bool:
    """One journal and its reports; False when there is nothing to seal, or nothing left to do."""
    if is_sealed(folder):
        return False
    if any(folder.glob(f"parts/*/{JOURNAL}")):
        (folder / JOURNAL).unlink(missing_ok=True)  # of an earlier try: a part may have been healed since
        merge_parts(folder)
    if not (folder / JOURNAL).exists():
        return False
    write_reports(folder)
    return True


def send_copies(sealed: Sealed, settings: Seal, *, root: Path) -> list[str]:
    """A time stamp, copies of the head, and the bundle itself, wherever `settings` says; what was done."""
    done: list[str] = []
    if settings.tsa:
        from rollproof.seal.timestamp import stamp

        done.append(stamp(sealed.folder, settings.tsa))
    if settings.anchor:
        from rollproof.seal.anchors import anchor

        done += [anchor(sealed, place, settings, root=root) for place in settings.anchor]
    if settings.upload:
        from rollproof.seal.storage import upload

        done.append(upload(sealed.folder, settings))
    return done


def close_healed(healed: list[Healed], settings: Seal, *, root: Path) -> list[str]:
    """Closes runs that were killed and have been healed since; what could not be done, a line each.

    Each is in the index as aborted before it is as executed: that it was killed stays to be seen.
    """
    folders = {
        one.folder.parent.parent if one.folder.parent.name == "parts" else one.folder for one in healed
    }
    failures = []
    for folder in sorted(folders):
        try:
            Register(folder.parent).aborted(folder.name, "the run was killed; it was healed later")
            close_run(folder, settings, root=root)
        except (RollproofError, OSError) as error:
            failures.append(f"{folder.name}: {error}")
    return failures
