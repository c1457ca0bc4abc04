"""Who gets in with which credential: tried, never believed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import psycopg

from rollproof.components.aws.api import ANSWER_SECONDS, Apis, Place
from rollproof.components.aws.secret import Secrets, Value
from rollproof.components.postgres.admin import CONNECT_SECONDS
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import try_password
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.model.json import Json

ACCEPTED, REFUSED = "accepted", "refused"
INTRUDER = "rollproof-intruder"
"""What a connection with a stolen password calls itself in pg_stat_activity."""
NOT_YOURS = frozenset({401, 403})


def can_be_tried(held: Secrets, key: str) -> bool:
    """Whether what the secret opens is declared: a role of the database, or a path of an API."""
    spec = held.declared()[key]
    if spec.kind == "postgres":
        return held.drill.system.database is not None
    return spec.kind == "api-key" and spec.api is not None


def attempt(held: Secrets, key: str, value: Value) -> str:
    """`accepted`, `refused` for a wrong credential, else what happened instead."""
    if held.declared()[key].kind == "postgres":
        bench = held.drill.use(Bench)
        return try_password(bench.server, bench.name, value.username, value.password)
    return _ask(held, key, value.key)


def wrong(value: Value) -> Value:
    """A credential of the same form that nobody ever had."""
    return value.renewed(secrets.token_hex(20))


def _ask(held: Secrets, key: str, credential: str) -> str:
    spec, place = held.declared()[key], _place(held, key)
    headers = {**place.headers, spec.header: credential}
    try:
        with httpx.Client(
            trust_env=False, timeout=ANSWER_SECONDS, verify=place.url.startswith("https")
        ) as http:
            status = http.get(place.url + spec.path, headers=headers).status_code
    except (httpx.HTTPError, UnicodeEncodeError) as error:
        return type(error).__name__
    if status in NOT_YOURS:
        return REFUSED
    return ACCEPTED if 200 <= status < 300 else f"HTTP {status}"


def _place(held: Secrets, key: str) -> Place:
    found = held.drill.use(Apis).find().get(str(held.declared()[key].api))
    if found is None:
        raise PreconditionNotMet(
            "the API that it opens is not there", where=held.name(key), remedy="deploy its stack first"
        )
    return found


def note_tries(
    held: Secrets, label: str, tries: Iterator[tuple[str, str, str]]
) -> list[tuple[str, str, str]]:
    """Records `(secret, which credential, outcome)` of each try."""
    done = list(tries)
    listed: list[Json] = [list(item) for item in done]
    held.drill.recorder.note("secret.tried", {"label": label, "items": listed})
    return done


def open_witness(held: Secrets, key: str, value: Value) -> None:
    """A connection with the credential as it is now, kept open as an intruder would.

    Raises AttemptFailed when it is refused.
    """
    bench = held.drill.use(Bench)
    conninfo = psycopg.conninfo.make_conninfo(
        bench.server.conninfo(bench.name, user=value.username, with_password=False),
        password=value.password,
        application_name=INTRUDER,
        connect_timeout=CONNECT_SECONDS,
    )
    try:
        held.witnesses[key] = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError:
        raise AttemptFailed("the current password is refused", where=held.name(key)) from None
    held.drill.on_heal(held.witnesses[key].close)


def witness_lives(held: Secrets, key: str) -> bool:
    """Whether the connection that was opened with the old credential still gets answers."""
    try:
        held.witnesses[key].execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
