"""From symptoms to a cause: what failed, against what was changed and what the ledger lists.

The same symptom has several causes. A refused connection is a wrong variable when the one that says where
the database is was changed, else the database's own trouble; an exception in code that nobody changed is
not a bug that the release brought. So configuration and ledger are asked each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollproof.diagnosis.linking import Change, guilty, says_release
from rollproof.diagnosis.symptoms import KINDS, Symptom, main_symptom

MISSING_MIGRATION = "missing-migration"
HANDLER_BUG = "handler-bug"
DATABASE_UNREACHABLE = "database-unreachable"
WRONG_VARIABLE = "wrong-variable"
PERMISSION = "permission"
THROTTLED = "throttled"
MISSING_RESOURCE = "missing-resource"
RESOURCES = "resources"
ENDPOINT = "endpoint-unreachable"
OUTSIDE = "outside-the-release"
NOT_CALLED = "not-called"
UNKNOWN = "unknown"

REMEDIES: Mapping[str, str] = {
    MISSING_MIGRATION: "apply the missing migration; where there is none to apply, roll the code back",
    HANDLER_BUG: "roll the code back to the version that served before",
    DATABASE_UNREACHABLE: "see whether the database runs, its security groups, the VPC and its logins;"
    " the code is not at fault, so do not roll it back",
    WRONG_VARIABLE: "put the variable back as the version before had it; leave the code",
    PERMISSION: "give the role or the role of the database back what it may do",
    THROTTLED: "see the function's reserved concurrency and the limits of what it calls",
    MISSING_RESOURCE: "make what it asks for, or correct the name that it asks by",
    RESOURCES: "see timeout and memory against the version before, and what takes so long",
    ENDPOINT: "see whether what it calls is up and can be reached from its network",
    OUTSIDE: "neither code nor configuration was changed: see the data and the settings that it reads",
    NOT_CALLED: "see the API's integration and the permission to call the function",
    UNKNOWN: "read the logs: nothing in them is known to Rollproof",
}

PACKAGE = frozenset({"code", "Handler", "Runtime", "Layers", "Architectures", "ImageConfigResponse"})
"""What a change of which is a change of the code that runs."""
_Cause = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """Requests of a function that failed alike.

    Attributes:
        source: `log` or `answer`.
        text: all that such a request said; stays in memory.
    """

    function: str
    source: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known.

    Attributes:
        failures: of requests since the change.
        unanswered: APIs that answer with an error, none of whose functions was called.
        changes: of configuration and code.
        compared: functions whose version before is known; of any other, the code counts as changed.
        releases: names of releases, so that a variable that only says which one it is counts for nothing.
        missing: migrations that the release expects and the ledger does not list; None when there is no
            ledger to read.
        sources: what was looked at: `logs`, `answers`, `metrics`, `configuration`, `ledger`.
    """

    failures: Sequence[Failure]
    changes: Sequence[Change]
    missing: Sequence[str] | None = None
    unanswered: Sequence[str] = ()
    compared: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What it comes to.

    Attributes:
        cause: one of the words above.
        subject: variable, migration or function that it is about.
        findings: lines of evidence for it, free of values; those for something else come last.
        others: other causes that some of the failures point to.
    """

    cause: str
    subject: str
    findings: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        return REMEDIES[self.cause]


def diagnose(evidence: Evidence) -> Diagnosis:
    """The cause that most failing requests point to; of two that as many do, the more telling one."""
    pointed: Counter[_Cause] = Counter()
    lines: Counter[tuple[_Cause, str]] = Counter()
    telling: dict[_Cause, int] = {}
    for failure in evidence.failures:
        symptom = main_symptom(failure.text)
        found = _cause(failure, symptom, evidence)
        pointed[found] += 1
        lines[found, f"{failure.function}, {failure.source}: {symptom.said}"] += 1
        telling[found] = min(telling.get(found, len(KINDS)), KINDS.index(symptom.kind))
    if not pointed:
        return _without_failures(evidence)
    ranked = sorted(pointed, key=lambda one: (-pointed[one], telling[one], one))
    (cause, subject), *rest = ranked
    said = [f"{text} ({lines[of, text]} requests)" for one in ranked for of, text in lines if of == one]
    others = tuple(dict.fromkeys(name for name, _ in rest if name != cause))
    return Diagnosis(cause, subject, (*said[:10], *_context(evidence)), others)


def _without_failures(evidence: Evidence) -> Diagnosis:
    if evidence.unanswered:
        lines = [
            f"API {name} answers with an error, and no function behind it was called"
            for name in evidence.unanswered
        ]
        return Diagnosis(NOT_CALLED, evidence.unanswered[0], tuple(lines))
    return Diagnosis(UNKNOWN, "", ("no failed request was found in logs or answers",))


def _cause(failure: Failure, symptom: Symptom, evidence: Evidence) -> tuple[str, str]:
    """Cause and subject that one failing request points to."""
    changes = [change for change in evidence.changes if change.function == failure.function]
    code = failure.function not in evidence.compared or any(c.what in PACKAGE for c in changes)
    variables = [c for c in changes if c.what == "variable" and not says_release(c, evidence.releases)]
    culprit = guilty(failure.text, symptom, variables, code=code)
    if symptom.kind == "variable":
        return WRONG_VARIABLE, symptom.subject
    if symptom.kind == "schema" and evidence.missing:
        return MISSING_MIGRATION, evidence.missing[0]
    if culprit:
        return WRONG_VARIABLE, culprit.name
    if symptom.kind in ("import", "value", "code"):
        return HANDLER_BUG if code else OUTSIDE, failure.function
    subject = symptom.subject if symptom.kind == "schema" and symptom.subject != "database" else ""
    return _PLAIN.get(symptom.kind, UNKNOWN), subject


_PLAIN = {
    "schema": MISSING_MIGRATION,
    "connection": DATABASE_UNREACHABLE,
    "authentication": DATABASE_UNREACHABLE,
    "permission": PERMISSION,
    "throttled": THROTTLED,
    "missing resource": MISSING_RESOURCE,
    "resources": RESOURCES,
    "endpoint": ENDPOINT,
}


def _context(evidence: Evidence) -> list[str]:
    """What configuration and ledger say besides."""
    lines = []
    for change in evidence.changes:
        if change.what == "variable":
            how = "is new" if not change.before else "is gone" if not change.after else "differs"
            lines.append(f"{change.function}: variable {change.name} {how} since the version before")
        else:
            lines.append(f"{change.function}: {change.what} differs from the version before")
    if not evidence.changes:
        lines.append("configuration and code are those of the version before")
    if evidence.missing is not None:
        lacks = (
            f"does not list {', '.join(evidence.missing)}"
            if evidence.missing
            else "lists all that is expected"
        )
        lines.append(f"the ledger {lacks}")
    return lines[:30]
