"""Recognising personal data and secrets in text.

Two mistakes are possible and both count: what is missed leaves the house, and what is taken for a hit and
is none keeps a run from being sealed. So a number is a hit only with the right check digits, outside a
longer number, a decimal fraction or a hexadecimal digest; and nothing is guessed from randomness alone, for
a journal is full of digests.

Sources: CPF, Receita Federal (modulo 11 twice); CNS, Ministério da Saúde (modulo 11); telephone numbers,
ITU-T E.164 and the numbering plans that `phonenumbers` ships; JWT, RFC 7519.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

CUT = "[cut]"


class Kind(StrEnum):
    """What was recognised, as it is told to a person."""

    CPF = "a CPF number"
    CNS = "a CNS number"
    EMAIL = "an e-mail address"
    PHONE = "a telephone number"
    PASSWORD = "a password"  # noqa: S105  a word, not a secret
    DSN = "a connection address with a password"
    TOKEN = "an access token"  # noqa: S105  a word, not a secret
    KEY = "a private or secret key"
    ROW = "a row's values"


PERSONAL = frozenset({Kind.CPF, Kind.CNS, Kind.EMAIL, Kind.PHONE})


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing recognised: `text[start:end]`. The value itself is never part of what is told."""

    kind: Kind
    start: int
    end: int


_DIGITS = re.compile(r"(?<!\d)(?<!\d[.,])(?:\d{15}|\d{11})(?!\d|[.,]\d)", re.ASCII)
_MASKED_CPF = re.compile(r"(?<!\d)(?:\d{3}([. -])\d{3}\1\d{3}[-/ ]\d{2}|\d{9}-\d{2})(?!\d)", re.ASCII)
_MASKED_CNS = re.compile(r"(?<!\d)\d{3}([ .])\d{4}\1\d{4}\1\d{4}(?!\d)", re.ASCII)
_AT = re.compile(r"(?:@|%40)(?:[^\W_][\w-]*\.)+[^\W\d_]{2,24}(?![\w-])")
_LOCAL = re.compile(r"[\w.%+'-]+\Z")
_NO_MAIL = frozenset({"git", "hg", "npm"})
"""Users in addresses of repositories: `git@github.com:team/service`."""
_NO_DOMAIN = re.compile(
    r"(?i)(?:@|%40)\d+\.\d|.*\.(?:service|socket|timer|mount|automount|slice|scope|swap|target|internal"
    r"|localdomain)\Z"
)
"""What follows an @ in versions (`x@1.0.0-rc.a`), systemd's units (`getty@tty1.service`) and inner hosts"""
_REPOSITORY = re.compile(r":[\w~./-]{1,200}\.git\b")
_UNIT = re.compile(r" ?(?:bytes?|rows|ns|us|ms|B)\b")
_E164 = re.compile(r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)", re.ASCII)
_BRAZILIAN = re.compile(
    r"(?<![\w.])(?:\([1-9]\d\) ?(?:9 ?)?\d{4}[- ]?\d{4}|[1-9]\d[ -]?9\d{4}-\d{4})(?![\w-])", re.ASCII
)
_NAMED_PHONE = re.compile(
    r"(?i)\b(?:(?:phone|telephone|telefone|celular|whatsapp|mobile|fone)\w{0,12}|tel)[\"']?\s{0,3}[=:(]{1,2}"
    r"\s{0,3}[\"']?(\+?\d{10,13}|\(?[1-9]\d\)?[ .-]?9?\d{4}[ .-]?\d{4})(?!\d)",
    re.ASCII,
)
_NAMED_SECRET = re.compile(
    r"(?i)(?:passw(?:or)?d|passphrase|\bpwd|senha|\b\w*_pass|secret[_-]?(?:access[_-]?)?key|client[_-]?secret"
    r"|api[_-]?key|account[_-]?key|(?:auth|access|session|refresh|bearer)[_-]?token)(?:\\?[\"'])?\s{0,3}"
    r"(?:=|:(?=\s{0,3}(?:\\?[\"']|\d{6}))|:(?=\s{1,3}(?=\S{0,64}\d)[^\s\"'\\,;&()<>\[\]{}]{6,64}(?:\\[nr]|[\r\n]|\Z)))\s{0,3}"
    r"(?:\\?[\"']([^\"'\\\s][^\"'\\]{2,})\\?[\"']|([^\s\"'\\,;&)<>\]}]{4,}))"
)
_DSN = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,80}:(?!/|\d{1,5}(?:[/?#\"'\s]|\Z))([^\s@\"'<>]{1,200})@"
)
_HEADER = re.compile(
    r"(?i)\b(?:(?:x-(?:api-key|auth-token|vault-token|amz-security-token)|private-token|authorization)"
    r"[\"']?\s?:\s?[\"']?(?:token |apikey |basic |bearer )?|cookie[\"']?\s?:\s?[\"']?[\w.-]{1,60}=)"
    r"(?=\S{0,200}\d)([A-Za-z0-9+/._=~%-]{12,})"
)
_HEADERS = ("x-api-key", "-token", "authorization", "cookie")
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
_BLANKS = re.compile(
    r"(?i)\[cut|\(not shown|\*{3,}|\.{3}|…|#[0-9a-f]{8,}|\$|\{|<|none\b|null\b|true\b|false\b"
)
"""What stands where a secret would be, and is none."""
_CODE = re.compile(r"%\(|:[a-z_]+\Z|\?\Z|(?:os|self|settings|models|process|var|data|config)\.|\w*env\b")
"""What is written without quotes where a program takes a secret from elsewhere."""


def find(text: str) -> list[Hit]:
    """Everything recognised in `text`, in order; what overlaps is told once, the first of it.

    Linear in the length of the text. Digits, blanks and dashes of any script count as plain ones.
    """
    if not text.isascii():
        text = text.translate(_PLAIN)
    found = sorted((hit for look in _LOOKS for hit in look(text)), key=lambda hit: (hit.start, -hit.end))
    apart: list[Hit] = []
    for hit in found:
        if not apart or hit.start >= apart[-1].end:
            apart.append(hit)
    return apart


class _Plain(dict[int, int | str]):
    """Each letter's plain form, of the same length, so that places in a text stay what they are."""

    def __missing__(self, code: int) -> int | str:
        letter = chr(code)
        match unicodedata.category(letter):
            case "Nd":
                plain = str(unicodedata.decimal(letter))
            case "Zs":
                plain = " "
            case "Pd":
                plain = "-"
            case _:
                plain = {"＠": "@", "．": ".", "（": "(", "）": ")", "＋": "+"}.get(letter, letter)
        self[code] = plain
        return plain


_PLAIN = _Plain()


def without(text: str, kinds: frozenset[Kind] = frozenset(Kind)) -> str:
    """`text` with what is recognised cut out: `[cut: a CPF number]`."""
    parts, end = [], 0
    for hit in find(text):
        if hit.kind in kinds:
            parts += [text[end : hit.start], f"[cut: {hit.kind}]"]
            end = hit.end
    return "".join([*parts, text[end:]])


_STRETCH = re.compile(r"(?<!\d)[\d+(][\d .()/-]{8,}", re.ASCII)
"""All that may be a number of a person, so that the patterns need not be tried on every letter."""


def _stretches(text: str) -> Iterator[Hit]:
    for match in _STRETCH.finditer(text):
        start, end = match.start(), match.end() + 2  # what follows decides whether the number ends there
        yield from _numbers(text, start, end)
        yield from _masked(text, start, end)
        yield from _phones(text, start, end)


def _numbers(text: str, begin: int, until: int) -> Iterator[Hit]:
    for match in _DIGITS.finditer(text, begin, until):
        kind = Kind.CPF if match.end() - match.start() == 11 else Kind.CNS
        if _UNIT.match(text, match.end()) or _in_hexadecimal(text, *match.span()):
            continue
        if _valid(kind)(match.group()):
            yield Hit(kind, *match.span())


def _masked(text: str, begin: int, until: int) -> Iterator[Hit]:
    for kind, pattern in ((Kind.CPF, _MASKED_CPF), (Kind.CNS, _MASKED_CNS)):
        for match in pattern.finditer(text, begin, until):
            if _valid(kind)(re.sub(r"\D", "", match.group())):
                yield Hit(kind, *match.span())


_AROUND = re.compile(r"[0-9A-Za-z]*")
_HEXADECIMAL = re.compile(r"[0-9]*(?:[a-f][0-9a-f]*|[A-F][0-9A-F]*)\Z")


def _in_hexadecimal(text: str, start: int, end: int) -> bool:
    """Whether the digits are a stretch of a longer hexadecimal word, such as a digest."""
    begin = start
    while begin > 0 and start - begin < 128 and text[begin - 1].isascii() and text[begin - 1].isalnum():
        begin -= 1
    word = _AROUND.match(text, begin)
    return word is not None and word.end() - begin > end - start and bool(_HEXADECIMAL.match(word.group()))


@cache
def _valid(kind: Kind) -> Callable[[str], bool]:
    from validate_docbr import CNS, CPF

    document = CPF() if kind is Kind.CPF else CNS()
    return lambda digits: bool(document.validate(digits))


def _emails(text: str) -> Iterator[Hit]:
    for match in _AT.finditer(text):
        local = _LOCAL.search(text[max(0, match.start() - 64) : match.start()])
        if not local or not local.group().strip("'.") or local.group() in _NO_MAIL:
            continue
        start = match.start() - len(local.group())
        if not _user_of_a_host(text, start, match):
            yield Hit(Kind.EMAIL, start, match.end())


def _user_of_a_host(text: str, start: int, match: re.Match[str]) -> bool:
    """`ssh://deploy@host.tld`, `deploy@host.tld:team/x.git`, and what is no domain at all."""
    in_address = text.endswith("://", 0, start) and not text.endswith("mailto://", 0, start)
    return in_address or bool(_NO_DOMAIN.match(match.group()) or _REPOSITORY.match(text, match.end()))


def _phones(text: str, begin: int, until: int) -> Iterator[Hit]:
    for pattern, region in ((_E164, None), (_BRAZILIAN, "BR")):
        for match in pattern.finditer(text, begin, until):
            if _is_phone(match.group(), region):
                yield Hit(Kind.PHONE, *match.span())


_PHONE_WORDS = ("tel", "phone", "fone", "celular", "whatsapp", "mobile")


def _named_phones(text: str) -> Iterator[Hit]:
    lowered = text.lower()
    if not any(word in lowered for word in _PHONE_WORDS):
        return
    for match in _NAMED_PHONE.finditer(text):
        if _is_phone(match.group(1), "BR"):
            yield Hit(Kind.PHONE, *match.span(1))


def _is_phone(number: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False


def _secrets(text: str) -> Iterator[Hit]:
    for kind, patterns in ((Kind.TOKEN, _TOKENS), (Kind.KEY, _KEYS)):
        for part, pattern in patterns:
            if part in text:
                for match in re.finditer(pattern, text):
                    yield Hit(kind, *match.span())


def _addresses(text: str) -> Iterator[Hit]:
    if "://" not in text:
        return
    for match in _DSN.finditer(text):
        if not _BLANKS.match(match.group(1)):
            yield Hit(Kind.DSN, *match.span())


def _headers(text: str) -> Iterator[Hit]:
    lowered = text.lower()
    if any(word in lowered for word in _HEADERS):
        for match in _HEADER.finditer(text):
            yield Hit(Kind.TOKEN, *match.span(1))


_SECRET_WORDS = (
    "passw",
    "passphrase",
    "_pass",
    "account",
    "pwd",
    "senha",
    "secret",
    "api_key",
    "api-key",
    "apikey",
    "token",
)
_LONGEST_NAME = 16


def _named(text: str) -> Iterator[Hit]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters have a small form of two
        lowered = re.sub("[A-Z]", lambda match: match.group().lower(), text)
    for word in _SECRET_WORDS:
        place = lowered.find(word)
        while place >= 0:
            yield from _named_at(text, place, place + len(word))
            place = lowered.find(word, place + len(word))


def _named_at(text: str, place: int, end: int) -> Iterator[Hit]:
    for match in _NAMED_SECRET.finditer(text, max(0, place - _LONGEST_NAME), end + 400):
        if match.start() > place:
            return
        group = 1 if match.group(1) is not None else 2
        said = match.group(group)
        if not _BLANKS.match(said) and not (group == 2 and _CODE.match(said)):
            yield Hit(Kind.PASSWORD, *match.span(group))


_ROW_WORDS = ("=(", "row contains", "COPY ", "invalid input", "out of range")
_BEGINNINGS = "|".join(
    (
        r"(?:Key|Chave) \([^\n()]*(?:\([^\n()]*\)[^\n()]*)*\)=\(",
        r"Failing row contains \(",
        r"COPY [^\n]{1,200}?, line \d+(?:, column [^\n]{1,100}?)?: \\?\"",
        r"invalid input [^\n\"]{1,120}: \\?\"",
        r"\bvalue \\?\"(?=[^\n\"]{1,200}\" is out of range)",
    )
)
_ENDINGS = r"\) (?:already|is |does|conflicts)|\)\.|\\?\"|\\n|\n|\Z"
_ROWS = re.compile(rf"(?:{_BEGINNINGS})((?!\[cut|\\?\")[^\n]+?)(?={_ENDINGS})")
"""What PostgreSQL quotes of a row: a broken constraint's DETAIL, COPY's CONTEXT, a value of another type."""


def _rows(text: str) -> Iterator[Hit]:
    if any(word in text for word in _ROW_WORDS):
        for match in _ROWS.finditer(text):
            yield Hit(Kind.ROW, *match.span(1))


_LOOKS = (_rows, _stretches, _named_phones, _emails, _secrets, _addresses, _headers, _named)
