"""What a failing request's text says, in any driver's words: a kind of symptom, and nothing private.

What is said holds the rule's own words and names of code,
tables, columns and variables; never a message as a whole, for that may quote a row.
The rules are in `rules`, one row each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rollproof.diagnosis.rules import CLASSES, RULES, SQLSTATE, STATES

KINDS = (
    "variable",
    "schema",
    "authentication",
    "connection",
    "permission",
    "throttled",
    "missing resource",
    "resources",
    "import",
    "endpoint",
    "value",
    "code",
    "unknown",
)
"""Most telling first: of a request that shows several, the first is what it died of. An exception in
the code that handles a lost connection is not the cause, and every failure ends in one of the last kinds."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that a text says.

    Attributes:
        kind: one of `KINDS`.
        said: for people, free of values.
        subject: the variable, table, column, service or action that it is about; may be empty.
    """

    kind: str
    said: str
    subject: str = ""


_NETWORK = re.compile(
    r"\b(?P<subject>ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET|EPIPE)\b"
    r"|connection refused|connection timed out|timeout expired|no route to host|network is unreachable"
    r"|connection reset by peer|Connection aborted"
    r"|could not translate host name|name or service not known|temporary failure in name resolution"
    r"|nodename nor servname|getaddrinfo failed|UnknownHostException|no such host|ConnectTimeout"
    r"|ConnectionRefusedError|could not connect to the endpoint URL|EndpointConnectionError"
    r"|conex[ãa]o recusada|tempo.{1,20}esgotado",
    re.IGNORECASE,
)
_DATABASE = re.compile(
    r"psycopg|asyncpg|pg8000|aiopg|sqlalchemy|postgres|node_modules/(?:pg|mysql2?|knex|typeorm|sequelize)\b"
    r"|\bpg-pool\b|\bpgx\b|lib/pq|\bpq:|jdbc|PSQLException|PG::|prisma|sqlx|PGconn|libpq|\bdatabase\b"
    r"|:(?:5432|6432|3306)\b|pymysql|mysql|\.rds\.amazonaws|connection to server"
    r"|OperationalError|InterfaceError",
    re.IGNORECASE,
)
_AWS_ENDPOINT = re.compile(r"endpoint URL|EndpointConnectionError|botocore|@aws-sdk|aws-sdk", re.IGNORECASE)
_EXCEPTION = re.compile(
    r"^(?:[\w$]+[.:]{1,2})*(?P<subject>[A-Z]\w*(?:Error|Exception|Fault|Failure|Interrupt)"
    r"|panic)(?::|\s*$|\s\[)",
    re.MULTILINE,
)
_TYPE = re.compile(r"[\"']?errorType[\"']?\s*:\s*[\"'](?P<subject>[\w.$]+)")
_FRAME = re.compile(
    r"File \"(?P<python>[^\"]+)\", line (?P<row>\d+), in (?P<function>[\w<>]+)"
    r"|at (?:(?P<called>[\w.$<>\[\] ]+) \()?(?P<node>(?:file://)?/[^\s():]+):(?P<line>\d+):\d+"
)
_NOT_OWN = re.compile(
    r"site-packages|dist-packages|node_modules|/lib/python|/usr/lib|/opt/|/var/runtime|/var/lang|_worker\."
    r"|awslambdaric|node:internal"
)


def symptoms_in(text: str) -> list[Symptom]:
    """All symptoms of a failing request, most telling first; `unknown` when none is known."""
    found = dict.fromkeys([*_by_state(text), *_by_rule(text), *_by_network(text), *_by_exception(text)])
    return sorted(found, key=lambda symptom: KINDS.index(symptom.kind)) or [
        Symptom("unknown", "it failed without a known word")
    ]


def main_symptom(text: str) -> Symptom:
    """What the request died of."""
    return symptoms_in(text)[0]


def _by_state(text: str) -> Iterator[Symptom]:
    for found in SQLSTATE.finditer(text):
        state = found["state"].upper()
        known = STATES.get(state) or (CLASSES.get(state[:2]) if any(map(str.isdigit, state)) else None)
        if known:
            yield Symptom(known[0], f"{known[1]} (SQLSTATE {state})", "database")


def _by_rule(text: str) -> Iterator[Symptom]:
    for rule in RULES:
        for found in rule.pattern.finditer(text):
            groups = found.groupdict()
            subject = groups.get("subject") or groups.get("t") or ""
            said = rule.said.format(subject=subject) if subject else _without_subject(rule.said)
            yield Symptom(rule.kind, said, subject)


def _without_subject(said: str) -> str:
    return " ".join(said.replace("{subject}", "").replace("  ", " ").rstrip(": ").split())


def _by_network(text: str) -> Iterator[Symptom]:
    """A network's error is the database's only where a driver or a database is spoken of."""
    for found in _NETWORK.finditer(text):
        subject = found.groupdict().get("subject") or found[0].lower()
        database = _DATABASE.search(text) and not _AWS_ENDPOINT.search(text)
        kind, what = ("connection", "the database") if database else ("endpoint", "something it calls")
        yield Symptom(kind, f"{what} cannot be reached ({subject})")


def _by_exception(text: str) -> Iterator[Symptom]:
    """The exception that ended it, and where in the function's own code."""
    place = _own_frame(text)
    names = [found["subject"] for found in _EXCEPTION.finditer(text)]
    names += [found["subject"].rpartition(".")[2] for found in _TYPE.finditer(text)]
    for name in dict.fromkeys(names):
        yield Symptom("code", f"{name} in {place}" if place else name)
    if not names and place:
        yield Symptom("code", f"an exception in {place}")


def _own_frame(text: str) -> str:
    """`agents.py:25` of the innermost frame that is the function's own; '' when there is none."""
    python = [
        found for found in _FRAME.finditer(text) if found["python"] and not _NOT_OWN.search(found["python"])
    ]
    if python:
        return f"{python[-1]['python'].rpartition('/')[2]}:{python[-1]['row']}"
    node = [found for found in _FRAME.finditer(text) if found["node"] and not _NOT_OWN.search(found["node"])]
    return f"{node[0]['node'].rpartition('/')[2]}:{node[0]['line']}" if node else ""
