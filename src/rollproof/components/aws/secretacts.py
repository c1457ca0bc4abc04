"""What an operator does when credentials are compromised, and what a drill needs to see whether it helped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rollproof.components.aws.secret import CURRENT, PENDING, PREVIOUS, Secrets, Value
from rollproof.components.aws.secretaccess import (
    ACCEPTED,
    REFUSED,
    attempt,
    can_be_tried,
    note_tries,
    open_witness,
    witness_lives,
    wrong,
)
from rollproof.components.aws.secretrotation import (
    rotate_by_hand,
    rotate_by_service,
    rotate_by_steps,
    rotates_by_function,
    take_back,
)
from rollproof.components.commands import fill_in, run_command
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import (
    ask_for_password,
    ask_no_more,
    close_sessions_of,
    knowing,
    set_password,
)
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.fidelity.registry import Fidelity
from rollproof.model.json import Json, JsonObject

CALLS_FUNCTION = "rotation-calls-function"


@dataclass(frozen=True)
class AdoptCredentials(Act):
    """Makes sure that the declared credentials are asked for and let in, and a wrong one is not.

    On a server of the drill's own that lets everybody in, the role gets the secret's password and is
    asked for it from then on. Then each credential is tried, and so is a wrong one; what is opened with
    the right one stays open, as an intruder's would.
    """

    name = "secret.adopt"

    def run(self, drill: Drill) -> JsonObject:
        held = drill.use(Secrets)
        passwords: dict[str, Callable[[], str]] = {}
        for key in held.declared():
            held.old[key] = value = held.value(key)
            held.versions[key] = held.stages(key)[CURRENT]
            if held.declared()[key].kind == "postgres" and can_be_tried(held, key):
                _adopt(held, value)
                passwords[value.username] = lambda key=key: held.value(key).password  # type: ignore[misc]
        if passwords:
            bench = drill.use(Bench)
            bench.server = knowing(bench.server, passwords)
        _expect_checked(held)
        for key, value in held.old.items():
            if value.spec.kind == "postgres" and can_be_tried(held, key):
                open_witness(held, key, value)
        return {"items": list(held.old), "count": len(held.witnesses)}


def _adopt(held: Secrets, value: Value) -> None:
    bench = held.drill.use(Bench)
    if not bench.server.private:
        return
    server, role, password = bench.server, value.username, value.password
    held.drill.on_heal(lambda: set_password(server, role, None))
    set_password(server, role, password)
    held.drill.on_heal(lambda: ask_no_more(server, role))
    ask_for_password(server, bench.name, role)
    held.drill.recorder.note(
        "provided",
        {
            "name": "a Postgres that asks the application's role for its password",
            "found": "the drill's own server lets applications in without a password",
        },
    )


def _expect_checked(held: Secrets) -> None:
    """Raises PreconditionNotMet where a wrong credential gets in, or the right one does not."""
    tried = note_tries(
        held, "before", _try(held, {"old": held.old.get, "wrong": lambda key: wrong(held.old[key])})
    )
    for key, which, outcome in tried:
        if outcome != (REFUSED if which == "wrong" else ACCEPTED):
            raise PreconditionNotMet(
                f"a {which} credential is {outcome}",
                doing="making sure that credentials are checked",
                where=held.name(key),
                remedy="see whether the secret holds what its role or API asks for",
            )


def _try(held: Secrets, which: dict[str, Callable[[str], Value | None]]) -> Iterator[tuple[str, str, str]]:
    for key in held.declared():
        if can_be_tried(held, key):
            for name, value_of in which.items():
                value = value_of(key)
                if value is not None:
                    yield key, name, attempt(held, key, value)


@dataclass(frozen=True)
class DetectCompromise(Act):
    """Somebody else holds the credentials: from this moment on the time to recovery counts."""

    name = "secret.detect"

    def run(self, drill: Drill) -> JsonObject:
        held = drill.use(Secrets)
        drill.incident("fault", cause="credentials are in other hands")
        drill.incident("detected", cause="a connection that nobody of the team opened")
        drill.incident("decided", decision="shut the system, rotate every secret, end every session")
        return {"items": list(held.old), "count": len(held.witnesses)}


@dataclass(frozen=True)
class RotateSecrets(Act):
    """Rotates every declared secret; one whose users take turns twice, for only then both are new.

    One that fails keeps none of the others from being rotated.
    """

    name = "secret.rotate"

    def prepare(self, drill: Drill) -> None:
        """By hand a password is changed in two places: killed in between, nobody could put it back."""
        held = drill.use(Secrets)
        by_hand = [
            key
            for key, spec in held.declared().items()
            if spec.kind == "postgres"
            and not held.cloud.endpoint.private
            and not rotates_by_function(held, key)
        ]
        if by_hand:
            raise NotApplicable(
                f"no function rotates {held.name(by_hand[0])}; by hand a drill changes passwords of its own "
                "servers only"
            )

    def run(self, drill: Drill) -> JsonObject:
        held = drill.use(Secrets)
        how: list[Json] = []
        failures: list[AttemptFailed] = []
        for key in held.declared():
            try:
                how.append(f"{key}: {self._rotate(held, key)}")
            except AttemptFailed as error:
                failures.append(error)
        if failures:
            raise _summed(failures)
        drill.incident("executed")
        return {"items": how, "count": len(how)}

    def _rotate(self, held: Secrets, key: str) -> str:
        times = 2 if held.declared()[key].strategy == "alternating-users" else 1
        return [rotate(held, key) for _ in range(times)][-1]


def _summed(failures: list[AttemptFailed]) -> AttemptFailed:
    """One error for all; the first one's place and remedy."""
    first = failures[0]
    found = "; ".join(f"{error.where}: {error.found}" for error in failures)
    return AttemptFailed(found, doing="rotating secrets", remedy=first.remedy, facts=first.facts)


def rotate(held: Secrets, key: str) -> str:
    """Rotates one secret; by what. Raises AttemptFailed."""
    function = rotates_by_function(held, key)
    if not function:
        rotate_by_hand(held, key)
        return "by hand"
    found = held.drill.session.use(Fidelity, held.drill.system).finding(CALLS_FUNCTION)
    if found.holds and key not in held.pending:
        rotate_by_service(held, key, function)
        return "RotateSecret"
    held.drill.recorder.note(
        "provided", {"name": "the calls of the rotation function's four steps", "found": found.said}
    )
    rotate_by_steps(held, key, function)
    return "the function's steps"


@dataclass(frozen=True)
class EndSessions(Act):
    """Ends every session of the rotated roles, and runs what the system declares to revoke its own."""

    name = "secret.end_sessions"

    def run(self, drill: Drill) -> JsonObject:
        held = drill.use(Secrets)
        ended = sum(self._of_role(held, key) for key in held.declared())
        ran = [key for key in held.declared() if self._own(held, key)]
        return {"count": ended, "items": [*ran]}

    def _of_role(self, held: Secrets, key: str) -> int:
        if held.declared()[key].kind != "postgres" or not can_be_tried(held, key):
            return 0
        roles = (
            {held.old[key].username, held.value(key).username}
            if key in held.old
            else {held.value(key).username}
        )
        return sum(close_sessions_of(held.drill.use(Bench).server, role) for role in sorted(roles))

    def _own(self, held: Secrets, key: str) -> bool:
        command = held.declared()[key].sessions
        if command is None:
            return False
        drill, cloud = held.drill, held.cloud
        ran = run_command(
            cloud.environment,
            fill_in(command, **{**cloud.values, "dsn": cloud.dsn if drill.system.database else ""}),
            name="the command that revokes sessions",
            where=f"{drill.system.source}: secret.{key}.sessions",
            cwd=drill.system.root,
            environment=cloud.endpoint.program_environment(),
            limit=60.0,
        )
        if ran.exit_code != 0:
            raise AttemptFailed("the command that revokes sessions failed", where=f"secret.{key}.sessions")
        return True


@dataclass(frozen=True)
class RecoverRotation(Act):
    """Brings a rotation that stopped half way to an end: forward when its function can, else back.

    Afterwards the secret and what it opens agree, whichever way it went, and nothing is pending.
    """

    name = "secret.recover"

    def run(self, drill: Drill) -> JsonObject:
        held = drill.use(Secrets)
        ways: list[str] = []
        for key in held.declared():
            stages = held.stages(key)
            if PENDING in stages and stages[PENDING] != stages.get(CURRENT):
                held.pending.setdefault(key, stages[PENDING])
                ways.append(f"{key}: {_recover(held, key)}")
        if not ways:
            raise AttemptFailed("no rotation was left half way", doing="bringing a rotation to its end")
        drill.incident("executed")
        return {"items": [*ways]}


def _recover(held: Secrets, key: str) -> str:
    function = rotates_by_function(held, key)
    try:
        if function:
            rotate_by_steps(held, key, function)
            return "finished"
    except AttemptFailed as error:
        held.drill.recorder.note("secret.not_finished", {"name": key, "found": error.found})
    take_back(held, key)
    return "taken back"


@observer("credentials")
def look_at_credentials(drill: Drill) -> None:
    """Tries the old and the current credential of every secret, and what was opened with the old one."""
    held = drill.use(Secrets)
    note_tries(held, "after", _try(held, {"old": held.old.get, "current": held.value}))
    alive: list[Json] = [[key, witness_lives(held, key)] for key in held.witnesses]
    versions: list[Json] = [_version(held, key) for key in held.declared()]
    drill.recorder.note("secret.seen", {"items": versions, "sources": alive})


def _version(held: Secrets, key: str) -> list[Json]:
    """As `checks.secrets.SecretSeen` has it: key, moved, renewed, kept, pending."""
    stages = held.stages(key)
    moved = stages.get(CURRENT) != held.versions.get(key)
    renewed = key in held.old and held.value(key).text != held.old[key].text
    kept = stages.get(PREVIOUS, stages.get(CURRENT)) != stages.get(CURRENT)
    pending = PENDING in stages and stages[PENDING] != stages.get(CURRENT)
    return [key, moved, renewed, kept, pending]
