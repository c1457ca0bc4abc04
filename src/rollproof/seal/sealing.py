"""Closing a run: its reports, the search for what must not leave, the seal, the entry in the index."""

from __future__ import annotations

import getpass
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollproof import __version__
from rollproof.drill.recovery import FINISHED, HEALED, ends
from rollproof.errors import BadInput, EnvironmentUnavailable, RollproofError
from rollproof.evidence.register import Entry, Register, last_sealed
from rollproof.evidence.standing.claims import claims_of
from rollproof.evidence.standing.ledger import enter_run as enter_findings
from rollproof.evidence.summary import summarise
from rollproof.evidence.write import JOURNAL
from rollproof.journal import History, read_journal
from rollproof.model.json import Json
from rollproof.model.seal import Seal
from rollproof.privacy.files import Leak, search_folder
from rollproof.privacy.known import remembered
from rollproof.seal.envelope import Envelope, sealed
from rollproof.seal.layout import CHECKSUM, SEAL, covered, digest_of, listing
from rollproof.seal.renderer import renderer
from rollproof.seal.statement import MALFORMED, Key, Link, Statement, digest_of_bytes

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

UNSIGNED = "unsigned: detects accident, not malice"
_SHOWN = 20


class LeakFound(RollproofError):
    """Something that must not leave the house is in a run's files; the run is not sealed."""

    exit_code = 1

    def __init__(self, folder: Path, leaks: list[Leak]) -> None:
        self.leaks = leaks
        more = [f"and {len(leaks) - _SHOWN} more"] if len(leaks) > _SHOWN else []
        super().__init__(
            "\n".join(["the run is not sealed, for it holds:", *map(str, leaks[:_SHOWN]), *more]),
            where=str(folder),
            remedy="see which step or command said it and make it say less; equal marks are equal values. "
            "Then drill again, or take this run's folder out of reach",
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed run: the digest of its statement, and whose key signed it (None: nobody's)."""

    folder: Path
    digest: str
    key: Key | None

    def __str__(self) -> str:
        return f"signed by key {self.key.keyid[:16]}…" if self.key else UNSIGNED


def operator_of(settings: Seal) -> str:
    """Who runs the drills: as configured, as the CI says, or who is logged in."""
    told = (os.environ.get(name, "") for name in ("ROLLPROOF_OPERATOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"))
    if found := settings.operator or next(filter(None, told), ""):
        return found
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return "unknown"


def signer_for(settings: Seal, root: Path) -> Signer | None:
    """Who is to sign; None when nobody is. Errors as `signer_of`."""
    if settings.key is None:
        return None
    from rollproof.seal.keys import signer_of

    return signer_of(settings.key, root=root, endpoint=settings.endpoint, region=settings.region)


def key_for(settings: Seal, root: Path) -> Key | None:
    """The public part of who is to sign."""
    signer = signer_for(settings, root)
    if signer is None:
        return None
    from rollproof.seal.keys import signing_key

    return signing_key(signer)


def about_seal(settings: Seal, root: Path) -> dict[str, Json]:
    """What `run.started` says of who drills and who will sign.

    Raises what `signer_of` raises for a key that cannot be used: better now than after the drills.
    """
    key = key_for(settings, root)
    said: dict[str, Json] = {"operator": operator_of(settings)}
    return said | ({"seal": {"keyid": key.keyid, "scheme": key.scheme}} if key else {})


def seal_run(folder: Path, settings: Seal, *, root: Path) -> Sealed:
    """Searches a finished run's folder, seals it, and enters it into the index and the findings beside it.

    Args:
        root: what a key's file is relative to.

    Raises:
        LeakFound: something that must not leave; entered as a run that was not sealed.
        BadInput: it is sealed already, has not come to its end, holds links, or there is no such key.
        EnvironmentUnavailable: the key's keeper does not answer, or the disk does not take it.
    """
    history = read_journal(folder / JOURNAL)
    _expect_sealable(folder, history)
    names = _names(folder)
    register = Register(folder.parent)
    summary = summarise(history)
    outcome, claims = summary.outcome.value, claims_of(summary)
    head = history.events[-1].hash
    leaks = search_folder(folder, [folder / name for name in names], known=_known())
    if leaks:
        reason = f"holds what must not leave, in {len(leaks)} places"
        register.executed(folder.name, outcome=outcome, head=head, seal=None, reason=reason)
        enter_findings(folder.parent, [one for one in claims if not one.outcome.passes])
        raise LeakFound(folder, leaks)
    signer = signer_for(settings, root)
    with register.held() as entries:
        about = _about(folder, names, history) | _signing(settings, signer, history) | _place(entries)
        statement = Statement(outcome=outcome, **about)
        body = statement.to_bytes()
        _write(folder, signed(body, signer))
        digest = digest_of_bytes(body)
        register.executed(folder.name, outcome=outcome, head=head, seal=digest)
    enter_findings(folder.parent, claims)
    return Sealed(folder, digest, statement.key)


def _known() -> list[str]:
    """What this process and its variables know of; what drills had in workers' hands was cut there."""
    return [*known_secrets(os.environ), *remembered()]


def is_sealed(folder: Path) -> bool:
    return (folder / SEAL).exists()


def sealed_before(folder: Path) -> Sealed:
    """What is known of a run that is sealed. Raises BadInput when its seal was altered."""
    try:
        payload = Envelope.from_bytes((folder / SEAL).read_bytes()).payload
        return Sealed(folder, digest_of_bytes(payload), Statement.from_bytes(payload).key)
    except (OSError, *MALFORMED) as error:
        raise BadInput(
            "the run's seal was altered", where=str(folder), remedy="see with `rollproof verify` what was"
        ) from error


def _expect_sealable(folder: Path, history: History) -> None:
    if is_sealed(folder):
        raise BadInput(
            "this run is sealed already",
            where=str(folder),
            remedy="to vouch for it as well, put a signature beside the seal with `rollproof sign`",
        )
    if not history.events or not ends(history.events[-1]) or _outstanding(history):
        raise BadInput(
            "this run has not come to its end: it did not finish, or something was not undone",
            where=str(folder),
            remedy="end it with `rollproof heal`, which undoes what it left",
        )


def _outstanding(history: History) -> bool:
    """Whether a part of the run left something and was not healed: healing will add to its journal."""
    left = [event for event in history.all(FINISHED) if event.data.get("findings")]
    return len(left) > len(history.all(HEALED))


def _names(folder: Path) -> list[str]:
    names, strange = listing(folder)
    if strange:
        raise BadInput(
            f"what cannot be sealed: {strange[0].name} is {strange[0].why}",
            where=str(folder),
            remedy="take it out of the folder",
        )
    return [name for name in names if covered(name)]


def _about(folder: Path, names: list[str], history: History) -> dict[str, Any]:
    return {
        "run": history.events[0].run,  # those after it may be of runs that were made one
        "files": {name: digest_of(folder / name) for name in names},
        "head": history.events[-1].hash,
        "events": len(history.events),
        "rollproof": __version__,
        "renderer": renderer(),
    }


def _signing(settings: Seal, signer: Signer | None, history: History) -> dict[str, Any]:
    key = None
    if signer is not None:
        from rollproof.seal.keys import signing_key

        key = signing_key(signer)
    return {
        "sealed_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "operator": _recorded_operator(history) or operator_of(settings),
        "key": key,
    }


def _place(entries: list[Entry]) -> dict[str, Any]:
    """Which run came before, and where the index stood."""
    before, last = last_sealed(entries), entries[-1] if entries else None
    return {
        "previous": Link(before.run, str(before.data["seal"])) if before else None,
        "index": Link(str(last.seq), last.hash) if last else None,
    }


def _recorded_operator(history: History) -> str:
    started = history.first("run.started")
    return str(started.data.get("operator") or "") if started else ""


def signed(body: bytes, signer: Signer | None) -> Envelope:
    try:
        return sealed(body, signer)
    except RollproofError:
        raise
    except Exception as error:  # the signer's own kinds: securesystemslib names none that all share
        raise EnvironmentUnavailable(
            f"the key did not sign ({type(error).__name__}: {error})", doing="sealing a run"
        ) from error


def _write(folder: Path, envelope: Envelope) -> None:
    """The seal last: a folder without it is one that was never sealed."""
    body = envelope.to_bytes()
    try:
        put(folder / CHECKSUM, f"{digest_of_bytes(body)}  {SEAL}\n".encode())
        put(folder / SEAL, body)
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the seal cannot be written ({error.strerror})",
            where=str(folder),
            remedy="make room on the disk",
        ) from error


def put(path: Path, body: bytes) -> None:
    """Whole or not at all. What a crash leaves of it lies beside the run's folder, never in it."""
    beside = path.parent if path.parent.name != "signatures" else path.parent.parent
    partial = beside.parent / f".{secrets.token_hex(6)}.part"
    try:
        with partial.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


_SECRET_VARIABLE = re.compile(
    r"(?i)(?:password|passwd|passphrase|secret|token|(?:api|access|secret|private|account)_?key|_pwd|_pass|webhook(?:_url)?|credentials?|dsn)$"
)


def known_secrets(variables: Mapping[str, str]) -> list[str]:
    """Values of variables that are secrets by their names, and long enough not to be found by chance."""
    return [
        value
        for name, value in variables.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= 12 and _random_enough(value)
    ]


def _random_enough(value: str) -> bool:
    kinds: tuple[Callable[[str], bool], ...] = (str.isdigit, str.isalpha)
    return all(any(kind(letter) for letter in value) for kind in kinds) and "/" not in value[:1]
