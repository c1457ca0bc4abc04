"""Which changed variable an error follows from, if it follows from one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rollproof.diagnosis.symptoms import Symptom


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between the version that served before and the one that serves now.

    Attributes:
        what: `variable`, `code` or an attribute of the configuration such as `Timeout`.
        name: of the variable.
        before, after: values of a variable, '' when it was not there; they stay in memory.
    """

    function: str
    what: str
    name: str = ""
    before: str = field(default="", repr=False)
    after: str = field(default="", repr=False)


def says_release(change: Change, releases: frozenset[str]) -> bool:
    """Whether a variable only says which release it is: `RELEASE`, a build number, a commit."""
    return change.after in releases or bool(_RELEASE_LIKE.fullmatch(change.name) and change.before)


_RELEASE_LIKE = re.compile(
    r"(?:\w+_)?(?:RELEASE|VERSION|BUILD(?:_\w+)?|COMMIT(?:_SHA)?|GIT_\w+|REVISION|SHA|IMAGE_TAG|DEPLOYED_AT)",
    re.IGNORECASE,
)
_ABOUT: Mapping[str, re.Pattern[str]] = {
    "connection": re.compile(
        r"DATABASE|(?:^|_)DB|PG|POSTGRES|MYSQL|SQL|DSN|HOST|PORT|UR[LI]|ENDPOINT|CONN|SECRET|CLUSTER|PROXY",
        re.IGNORECASE,
    ),
    "authentication": re.compile(
        r"DATABASE|(?:^|_)DB|PG|POSTGRES|SQL|DSN|USER|ROLE|PASS|SECRET|CREDENTIAL|UR[LI]|LOGIN", re.IGNORECASE
    ),
    "schema": re.compile(
        r"DATABASE|(?:^|_)DB|PG|POSTGRES|DSN|UR[LI]|SCHEMA|SEARCH_PATH|TABLE|HOST|SECRET", re.IGNORECASE
    ),
    "endpoint": re.compile(r"HOST|PORT|UR[LI]|ENDPOINT|ADDRESS|SERVER|BASE|PROXY|DOMAIN", re.IGNORECASE),
    "missing resource": re.compile(
        r"TABLE|QUEUE|BUCKET|TOPIC|SECRET|PARAM|PATH|SETTING|ARN|NAME|STREAM|KEY|PREFIX|PROFILE|APPLICATION",
        re.IGNORECASE,
    ),
    "permission": re.compile(
        r"TABLE|QUEUE|BUCKET|TOPIC|SECRET|PARAM|PATH|ARN|ROLE|USER|KEY|DATABASE|SCHEMA", re.IGNORECASE
    ),
    "value": re.compile(r".", re.IGNORECASE),
}


def guilty(text: str, symptom: Symptom, variables: Sequence[Change], *, code: bool) -> Change | None:
    """The changed variable that the error follows from, if one does.

    By what the text quotes of its new value; by what the error is about and the variable is named after;
    or, where neither code nor anything else was changed, because nothing else is left.
    """
    quoted = [change for change in variables if _quotes(text, change)]
    if quoted:
        return quoted[0]
    about = _ABOUT.get(symptom.kind)
    named = [change for change in variables if about and about.search(change.name)]
    if symptom.kind == "missing resource" and symptom.subject:
        hint = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", symptom.subject).upper().split()
        named.sort(key=lambda change: not any(word.rstrip("S") in change.name.upper() for word in hint))
    if named and not (symptom.kind == "value" and code):
        return named[0]
    return variables[0] if variables and not code and symptom.kind not in ("throttled", "import") else None


def _quotes(text: str, change: Change) -> bool:
    """Whether the text holds the variable's name, or a part of its new value that the old one lacks."""
    if re.search(rf"\b{re.escape(change.name)}\b", text):
        return True
    old = set(_parts(change.before))
    return any(
        part not in old and re.search(rf"(?<![\w]){re.escape(part)}(?![\w])", text)
        for part in _parts(change.after)
    )


def _parts(value: str) -> Iterable[str]:
    """A value, and the hosts, ports and names in it; short ones would be found by chance."""
    pieces = [value, *re.split(r"[\s/@:?&=,;]+", value)]
    return [
        piece
        for piece in dict.fromkeys(pieces)
        if (len(piece) >= 4 and not piece.isalpha()) or len(piece) >= 6
    ]
