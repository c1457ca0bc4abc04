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
from functools import cache

from rollproof.privacy import credentials, quoted
from rollproof.privacy.kinds import PERSONAL, Hit, Kind
from rollproof.privacy.spellings import spellings

__all__ = ["PERSONAL", "Hit", "Kind", "find", "without"]

_DIGITS = re.compile(r"(?<!\d)(?<!\d\.)(?:\d{15}|55[1-9]\d9\d{8}|\d{11})(?!\d|\.\d)", re.ASCII)
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


def without(text: str, kinds: frozenset[Kind] = frozenset(Kind), *, mark: Mark | None = None) -> str:
    """`text` with what is recognised cut out, in other spellings too: `[cut: a CPF number]`.

    Args:
        mark: what to add to what stands in a value's place, such as a keyed digest of the value.
    """
    for _ in range(_ROUNDS):
        plain = [(hit.start, hit.end, hit.kind) for hit in find(text) if hit.kind in kinds]
        text = _cut(text, plain, mark)
        spelt = [
            (one.start, one.end, hit.kind)
            for one in spellings(text)
            for hit in find(one.plain)[:1]
            if hit.kind in kinds
        ]
        text = _cut(text, sorted(spelt), mark)
        if not plain and not spelt:
            break
    return text


_ROUNDS = 4
"""What is left of a line when a part of it is cut may say something else."""
Mark = Callable[[str], str]


def _cut(text: str, places: list[tuple[int, int, Kind]], mark: Mark | None) -> str:
    parts, end = [], 0
    for start, stop, kind in places:
        if start >= end:
            more = f" {mark(text[start:stop])}" if mark else ""
            parts += [text[end:start], f"[cut: {kind}{more}]"]
            end = stop
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
        kind = {11: Kind.CPF, 13: Kind.PHONE, 15: Kind.CNS}[match.end() - match.start()]
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
    if kind is Kind.PHONE:
        return lambda digits: _is_phone(f"+{digits}", None)
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


_LOOKS = (
    quoted.rows,
    quoted.literals,
    _stretches,
    _named_phones,
    _emails,
    credentials.private_keys,
    credentials.tokens,
    credentials.addresses,
    credentials.headers,
    credentials.named,
)
