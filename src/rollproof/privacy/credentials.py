"""Recognising secrets: tokens and keys by their shape, passwords by what they are called, addresses."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from rollproof.privacy.kinds import Hit, Kind

_TOKENS = (
    ("eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}(?:\.[\w-]*)?"),
    ("gh", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    ("github_pat_", r"\bgithub_pat_\w{20,}"),
    ("glpat-", r"\bglpat-[\w-]{16,}"),
    ("xox", r"\bxox[abeoprs]-[\w-]{10,}"),
    ("_live_", r"\b[spr]k_live_[A-Za-z0-9]{16,}"),
    ("_test_", r"\b[spr]k_test_[A-Za-z0-9]{16,}"),
    ("sk-", r"\bsk-(?:ant|proj|svcacct)-[\w-]{16,}"),
    ("AIza", r"\bAIza[\w-]{35}\b"),
    ("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("pypi-", r"\bpypi-AgE[\w-]{20,}"),
    ("dop_v1_", r"\bdop_v1_[a-f0-9]{64}\b"),
    ("hvs.", r"\bhvs\.[\w-]{20,}"),
    ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{16,}"),
    ("/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"),
    ("webhook.office.com/", r"\bwebhook\.office\.com/[\w@/-]{16,}"),
    (":AA", r"\b\d{8,10}:AA[\w-]{32,34}(?![\w-])"),
    ("whsec_", r"\bwhsec_[A-Za-z0-9+/]{20,}"),
    ("glrt-", r"\bglrt-[\w-]{16,}"),
    ("sk-", r"\bsk-[A-Za-z0-9]{40,}"),
    ("://", r"(?<=://)[A-Za-z0-9_]{30,}(?=@)"),
    ("EARER ", r"\bBEARER [A-Za-z0-9._~+/-]{16,}=*"),
    ("earer ", r"\b[Bb]earer [A-Za-z0-9._~+/-]{16,}=*"),
    ("asic ", r"\bAuthorization[\"']?\s?[:=]\s?[\"']?[Bb]asic [A-Za-z0-9+/]{12,}=*"),
)
_KEYS = (
    ("PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"),
    ("PuTTY-User-Key-File", r"\bPuTTY-User-Key-File-\d"),
    ("AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
    ("ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    ("AGE-SECRET-KEY-", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}"),
)
_HASHES = (
    ("SCRAM-SHA-256$", r"SCRAM-SHA-256\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+"),
    ("pbkdf2_sha", r"\bpbkdf2_sha\d+\$\d+\$[^\s$]+\$[\w+/=]{16,}"),
    ("$2", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{40,}"),
    ("$argon2", r"\$argon2(?:id|i|d)\$[\w$=,+/.-]{20,}"),
    ("md5", r"\bmd5[0-9a-f]{32}\b"),
)
"""What passwords are kept as: good for trying all of a list of likely ones."""
_BLANKS = re.compile(
    r"(?i)\[cut|\(not shown|\*{3,}|\.{3}|…|#[0-9a-f]{8,}|\$|\{|<|none\b|null\b|true\b|false\b"
)
"""What stands where a secret would be, and is none."""
_CODE = re.compile(r"%\(|:[a-z_]+\Z|\?\Z|(?:os|self|settings|models|process|var|data|config)\.|\w*env\b")
"""What is written without quotes where a program takes a secret from elsewhere."""


_QUOTE = r"(?:\\{0,7}[\"'])"
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----BEGIN)[\s\S]){0,20000}?-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:[\s|]|\\[nr])*[A-Za-z0-9+/=]{20,})+)?"
)
_PEM_END = re.compile(
    r"(?:[A-Za-z0-9+/=]{16,}(?:[\s|\"',]|\\[nr]){1,6})*[A-Za-z0-9+/=]+(?:[\s|\"',]|\\[nr]){1,6}"
    r"-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----\Z"
)
_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----")
_LONGEST_PEM = 4000


def tokens(text: str) -> Iterator[Hit]:
    for kind, patterns in ((Kind.TOKEN, _TOKENS), (Kind.KEY, _KEYS), (Kind.KEY, _HASHES)):
        for part, pattern in patterns:
            if part in text:
                for match in re.finditer(pattern, text):
                    yield Hit(kind, *match.span())


def private_keys(text: str) -> Iterator[Hit]:
    """Whole, without an end, and the last lines of one, as the end of a log shows it."""
    if "PRIVATE KEY" not in text:
        return
    for match in _PEM.finditer(text):
        yield Hit(Kind.KEY, *match.span())
    for match in _END.finditer(text):
        begin = max(0, match.start() - _LONGEST_PEM)
        if end := _PEM_END.search(text, begin, match.end()):
            yield Hit(Kind.KEY, *end.span())


_DSN = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,80}:(?!/|\d{1,5}(?:[/?#\"'\s]|\Z))([^\s@\"'<>]{1,200})@"
)
_USER = re.compile(r"(?<![\w/:@.-])[\w.%+-]{1,60}:(?=[^\s@]{0,80}\d)([^\s:/@\"'<>()\[\]{},;]{4,80})\Z")
_HOST = re.compile(r"@(?!sha\d)(?:[A-Za-z][\w-]*(?:\.[\w-]+)+|[A-Za-z][\w-]*:\d{2,5}\b)")
_PGPASS = re.compile(
    r"(?<![^\s\"'])(?:\*|[A-Za-z0-9][\w-]*(?:\.[\w-]+)*):(?:\*|\d{4,5}):[\w*-]{1,63}:[\w*-]{1,63}:"
    r"(?=\S{0,80}\d)([^\s\"']{3,80})(?![^\s\"'])"
)
_SIGNED = re.compile(r"(?i)[?&](?:x-amz-)?(?:sig|signature)=([^\s&\"'<>]{6,})")
_BEHIND_USER = 144


def addresses(text: str) -> Iterator[Hit]:
    """Passwords and signatures in addresses, and in the lines of a password file."""
    if "://" in text:
        for match in _DSN.finditer(text):
            if not _BLANKS.match(match.group(1)):
                yield Hit(Kind.DSN, *match.span())
    if "@" in text:
        for match in _HOST.finditer(text):
            user = _USER.search(text, max(0, match.start() - _BEHIND_USER), match.start())
            if user and not _BLANKS.match(user.group(1)):
                yield Hit(Kind.DSN, *user.span(1))
    if "sig" in text or "Sig" in text:
        yield from (Hit(Kind.TOKEN, *match.span(1)) for match in _SIGNED.finditer(text))
    if ":" in text:
        yield from (Hit(Kind.PASSWORD, *match.span(1)) for match in _PGPASS.finditer(text))


_HEADER = re.compile(
    r"(?i)\b(?:(?:x-(?:api-key|auth-token|vault-token|amz-security-token)|private-token|authorization)"
    r"[\"']?\s?:\s?[\"']?(?:token |apikey |basic |bearer )?|cookie[\"']?\s?:\s?[\"']?[\w.-]{1,60}=)"
    r"(?=\S{0,200}\d)([A-Za-z0-9+/._=~%-]{6,})"
)
_BASIC = re.compile(r"(?i)\bauthorization[\"']?\s?[:=]\s?[\"']?basic ([A-Za-z0-9+/]{4,}={0,2})")
_HEADERS = ("x-api-key", "-token", "authorization", "cookie")


def headers(text: str) -> Iterator[Hit]:
    lowered = text.lower()
    if any(word in lowered for word in _HEADERS):
        for match in _HEADER.finditer(text):
            yield Hit(Kind.TOKEN, *match.span(1))
        for match in _BASIC.finditer(text):
            if _names_a_user(match.group(1)):
                yield Hit(Kind.TOKEN, *match.span(1))


def _names_a_user(word: str) -> bool:
    try:
        return b":" in base64.b64decode(word + "=" * (-len(word) % 4))
    except binascii.Error:
        return False


_STRONG = (
    r"passw(?:or)?d|passphrase|\bpwd|(?<=_)pwd|senha|\b\w*_pass|secret[_-]?(?:access[_-]?)?key"
    r"|client[_-]?secret|api[_-]?key|account[_-]?key|(?:auth|access|session|refresh|bearer)[_-]?token"
)
_NAMED_SECRET = re.compile(
    rf"(?i)(?:{_STRONG}){_QUOTE}?\s{{0,3}}"
    rf"(?:=|:(?=\s{{0,3}}(?:{_QUOTE}|\d{{6}}))"
    r"|:(?=\s{1,3}(?=\S{0,64}\d)[^\s\"'\\,;&()<>\[\]{}]{6,64}(?:\\[nr]|[\r\n]|\Z)))\s{0,3}"
    rf"(?:{_QUOTE}([^\"'\\\s][^\"'\\]{{2,}})\\{{0,7}}[\"']|([^\s\"'\\,;&)<>\]}}]{{4,}}))"
)
_NAMED_TOKEN = re.compile(
    rf"(?i)(?<![:/])(?:token|secret|segredo|private_?key|session_?id|credentials?){_QUOTE}?\s{{0,3}}[=:]\s{{0,3}}{_QUOTE}?"
    r"(?=[^\s\"']{0,64}\d)(?=[^\s\"']{0,64}[A-Za-z])([^\s\"'\\,;&()<>\[\]{}]{6,})"
)
_OPTION = re.compile(
    r"(?i)(?<![\w-])--?[\w-]{0,30}?(?:passw(?:or)?d|passphrase|pwd|senha|token|secret|api-?key)[\w-]{0,12}"
    rf"(?:=|{_QUOTE},\s?{_QUOTE}|\s{{1,3}}(?=[^\s-]\S{{0,80}}\d|\d)){_QUOTE}?([^\s\"'\\]{{3,}})"
)
_IDENTIFIED = re.compile(rf"(?i)\bIDENTIFIED BY {_QUOTE}(?!\[cut)([^\s\"'\\]{{1,}})")
_CURL = re.compile(
    rf"(?<![\w-])(?:-u|--user|--proxy-user)(?:=|\s{{1,3}}|{_QUOTE},\s?{_QUOTE}){_QUOTE}?[\w.@%+-]{{1,64}}:"
    r"(?=[^\s\"']{0,80}\d)(?=[^\s\"']{0,80}[A-Za-z])([^\s\"'\\]{3,})"
)
_NO_SECRET = re.compile(
    r"(?i)arn:|[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32}\Z|v?\d+(?:\.\d+)+|[/~#]|[\w.:-]+(?:/[\w.:-]+)+\Z"
    r"|[a-z]+(?:[-_.:](?:[a-z]+\d{0,4}|\d{1,4}|[0-9a-f]{4,36}))*\d{0,2}\Z"
)
"""What is called a secret or a token and only names one: an ARN, a path, a UUID, words that are joined."""
_SECRET_WORDS = (
    *("passw", "passphrase", "_pass", "account", "pwd", "senha", "secret", "api_key", "api-key", "apikey"),
    *("token", "segredo", "private_key", "privatekey", "session_id", "sessionid", "credential"),
)
_ASSIGNED = re.compile(rf"[\w-]{{0,24}}{_QUOTE}?\s{{0,3}}[=:]")
_LONGEST_NAME, _LONGEST_PREFIX, _LONGEST_VALUE = 48, 16, 400


def named(text: str) -> Iterator[Hit]:
    """What is called a password, a token or a secret, in whatever way it is written down."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters have a small form of two
        lowered = re.sub("[A-Z]", lambda match: match.group().lower(), text)
    for word in _SECRET_WORDS:
        place = lowered.find(word)
        while place >= 0:
            yield from _named_at(text, place, place + len(word))
            place = lowered.find(word, place + len(word))
    if "-u" in lowered:
        yield from (Hit(Kind.PASSWORD, *match.span(1)) for match in _CURL.finditer(text))
    if "identified by" in lowered:
        yield from (Hit(Kind.PASSWORD, *match.span(1)) for match in _IDENTIFIED.finditer(text))


def _named_at(text: str, place: int, end: int) -> Iterator[Hit]:
    """Patterns are tried where they can begin, not searched for: a text may hold the word very often."""
    until = end + _LONGEST_VALUE
    assigned = _ASSIGNED.match(text, end) is not None
    for pattern, begins in (
        (_NAMED_SECRET, range(max(0, place - _LONGEST_PREFIX), place + 1) if assigned else ()),
        (_NAMED_TOKEN, (place,) if assigned else ()),
        (_OPTION, _dashes(text, max(0, place - _LONGEST_NAME), place)),
    ):
        tried = (pattern.match(text, begin, until) for begin in begins)
        match = next((found for found in tried if found and found.end() > place), None)
        if match is not None and _tells(pattern, match):
            yield Hit(Kind.PASSWORD, *match.span(_group(match)))


def _dashes(text: str, begin: int, end: int) -> Iterator[int]:
    while (begin := text.find("-", begin, end)) >= 0:
        yield begin
        begin += 1


def _group(match: re.Match[str]) -> int:
    return 2 if match.re.groups > 1 and match.group(1) is None else 1


def _tells(pattern: re.Pattern[str], match: re.Match[str]) -> bool:
    """Whether what was found is a secret, and not what stands in its place."""
    said = match.group(_group(match))
    if _BLANKS.match(said):
        return False
    if pattern is _NAMED_SECRET:
        return not (_group(match) == 2 and _CODE.match(said))
    return not _NO_SECRET.match(said) and not _CODE.match(said)
