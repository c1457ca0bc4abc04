"""Do the old credentials still open anything, and do the new ones?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.checks.evidence import as_list, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ACCEPTED, REFUSED = "accepted", "refused"
ROTATIONS = ("secret.rotate", "secret.recover")


def _tries(history: History, label: str) -> Mapping[tuple[str, str], str]:
    """Outcome by secret and credential, of the newest round of tries under a label."""
    found = [event for event in history.all("secret.tried") if event.data.get("label") == label]
    event = need(found[-1] if found else None, f"credentials being tried {label}")
    triples = [as_list(item) for item in as_list(event.data["items"])]
    return {(str(key), str(which)): str(outcome) for key, which, outcome in triples}


@dataclass(frozen=True)
class SecretSeen:
    """What the versions of one secret were at the end.

    Attributes:
        moved: another version is the current one than before.
        renewed: its value is another one.
        kept: another version bears AWSPREVIOUS.
        pending: a version is pending that never became the current one.
    """

    key: str
    moved: bool
    renewed: bool
    kept: bool
    pending: bool


def _seen(history: History) -> list[SecretSeen]:
    event = need(history.last("secret.seen"), "the secrets' versions")
    rows = [as_list(item) for item in as_list(event.data["items"])]
    return [SecretSeen(str(key), *map(bool, rest)) for key, *rest in rows]


def _rotated(history: History) -> Event:
    found = [e for act in ROTATIONS for e in history.all(act) if e.kind in (Kind.OK, Kind.FAIL)]
    return need(max(found, key=lambda event: event.seq, default=None), "a rotation")


@check(
    "old-credential-refused",
    "the old credential of every secret is refused",
    sees=("credentials",),
    answers=("secret.rotate",),
)
def old_credential_refused(history: History) -> Verdict:
    """Each was let in before and is refused now, for being wrong: `invalid_password`, 401 or 403."""
    _rotated(history)
    before, after = _tries(history, "before"), _tries(history, "after")
    old = {key: outcome for (key, which), outcome in after.items() if which == "old"}
    if let_in := sorted(key for key, outcome in old.items() if outcome == ACCEPTED):
        many = f"{len(let_in)} old credential{'s are' if len(let_in) > 1 else ' is'}"
        return refuted(f"{many} still let in", *lines(let_in), accepted=len(let_in))
    if unsure := [f"{key}: {outcome}" for key, outcome in old.items() if outcome != REFUSED]:
        return unknown("whether an old credential is refused cannot be told", *lines(unsure))
    if not old:
        return unknown("no credential can be tried: what it opens is not declared")
    if untried := [secret.key for secret in _seen(history) if secret.key not in old]:
        return unknown(
            "not every old credential can be tried: what it opens is not declared", *lines(untried)
        )
    if never := [key for key in old if before.get((key, "old")) != ACCEPTED]:
        return unknown("an old credential was not let in before either", *lines(never))
    return proven(f"{len(old)} old credentials were let in before and are refused now", refused=len(old))


@check("current-credential-works", "the current credential of every secret works", sees=("credentials",))
def current_credential_works(history: History) -> Verdict:
    """Whatever became of a rotation, nobody is locked out: what the secret holds now is let in."""
    after = _tries(history, "after")
    now = {key: outcome for (key, which), outcome in after.items() if which == "current"}
    if locked := [f"{key}: {outcome}" for key, outcome in now.items() if outcome == REFUSED]:
        return refuted("what the secret holds is refused: the system is locked out", *lines(locked))
    if unsure := [f"{key}: {outcome}" for key, outcome in now.items() if outcome != ACCEPTED]:
        return unknown("whether a current credential works cannot be told", *lines(unsure))
    if not now:
        return unknown("no credential can be tried: what it opens is not declared")
    return proven(f"{len(now)} current credentials are let in", accepted=len(now))


@check(
    "old-connections-closed",
    "connections that were opened with the old credential are closed",
    sees=("credentials",),
)
def old_connections_closed(history: History) -> Verdict:
    """Connections that the drill had opened with the old password get no answer any more."""
    event = need(history.last("secret.seen"), "the connections opened before the rotation")
    pairs = [as_list(item) for item in as_list(event.data["sources"])]
    if alive := [str(key) for key, lives in pairs if lives]:
        return refuted("a connection opened with the old credential still works", *lines(alive))
    if not pairs:
        return unknown("no connection was opened with an old credential")
    return proven(f"{len(pairs)} connections opened before are closed", connections=len(pairs))


@check("every-secret-rotated", "every declared secret was rotated", sees=("credentials",))
def every_secret_rotated(history: History) -> Verdict:
    """Another version is current, with another value, and the one before is kept as AWSPREVIOUS."""
    seen = _seen(history)
    problems = [
        f"{secret.key}: {said}"
        for secret in seen
        for bad, said in (
            (not secret.moved, "the same version is still the current one"),
            (secret.moved and not secret.renewed, "a new version holds the old value"),
            (secret.moved and not secret.kept, "the version before is not kept as AWSPREVIOUS"),
        )
        if bad
    ]
    if problems:
        return refuted(f"{len(problems)} of {len(seen)} secrets were not rotated", *lines(problems))
    return (
        proven(f"{len(seen)} secrets rotated", secrets=len(seen))
        if seen
        else unknown("no secret is declared")
    )


@check("no-rotation-pending", "no rotation is left half way", sees=("credentials",))
def no_rotation_pending(history: History) -> Verdict:
    """No version bears AWSPENDING that is not the current one."""
    seen = _seen(history)
    if left := [secret.key for secret in seen if secret.pending]:
        return refuted("a rotation was left half way", *lines(left))
    return proven(f"nothing is pending in {len(seen)} secrets") if seen else unknown("no secret is declared")
