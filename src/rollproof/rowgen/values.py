"""A plausible value of any type, as SQL: small numbers, short text of mixed case, days near a fixed one.

Values of two rows differ wherever the type has room for it, and are higher for a later row where it
has an order. They are chosen to show a loss: text has capitals and a space, numbers use all digits of
their scale, times their microseconds. Whole numbers begin at `BASE`: above what migrations give their
own first rows, and within a smallint.
"""

# ruff: noqa: S608  names and values go through name() and quoted(), which quote them; composing is too slow here
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from rollproof.rowgen.types import Type

BASE = 31_000
_ROOM = 1_700
_DAY = date(2024, 1, 15)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TIME = "10:20:30.123456"


def quoted(text: str) -> str:
    """`text` as an SQL literal, whatever standard_conforming_strings says."""
    body = text.replace("'", "''")
    return f" E'{body.replace(chr(92), chr(92) * 2)}'" if "\\" in body else f"'{body}'"


def cast(text: str, kind: Type) -> str:
    """`text` as a value of a type."""
    return f"CAST({quoted(text)} AS {kind.name})"


def number(n: int) -> int:
    return BASE + n % _ROOM


def day(n: int) -> date:
    return _DAY + timedelta(days=n)


class Values:
    """Values of the types that a database has.

    Args:
        types: by oid, with all that they are made of.
        seed: other values for another seed, where a type has room (uuids).
    """

    def __init__(self, types: Mapping[int, Type], *, seed: int = 0) -> None:
        self.types, self.seed = types, seed

    def value(self, oid: int, modifier: int, n: int, salt: str = "") -> str | None:
        """SQL for the `n`-th value; None for a type that nothing is known of.

        Args:
            salt: what makes a uuid differ from one with the same `n` elsewhere.
        """
        kind = self.types[oid]
        if kind.kind == "b":
            text = self.text(kind, modifier, n, salt)
        elif kind.kind == "e":
            text = kind.labels[n % len(kind.labels)] if kind.labels else None
        else:
            return self._made_of_others(kind, modifier, n, salt)
        return None if text is None else cast(text, kind)

    def _made_of_others(self, kind: Type, modifier: int, n: int, salt: str) -> str | None:
        match kind.kind:
            case "d":
                return self._domain(kind, n, salt)
            case "c":
                return self._composite(kind, n, salt)
            case "r":
                return self._range(kind, n)
            case "m":
                inner = self.value(kind.of, -1, n)
                return inner and f"{kind.name}({inner})"
            case "a":
                return self._array(kind, modifier, n, salt)
        return None

    def text(self, kind: Type, modifier: int, n: int, salt: str = "") -> str | None:
        """The `n`-th value of a base type, as text; None for a type that nothing is known of."""
        if kind.bare == "uuid":
            digest = hashlib.sha256(f"{self.seed} {salt} {n}".encode()).hexdigest()
            return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        if kind.bare in _WITH_MODIFIER:
            return _WITH_MODIFIER[kind.bare](modifier, n)
        made = _PLAIN.get(kind.bare)
        return made(n) if made else None

    def is_unknown(self, oid: int, modifier: int) -> bool:
        """True for a type that nothing is known of."""
        kind, modifier = self.base(oid, modifier)
        return kind.kind == "b" and self.text(kind, modifier, 1) is None

    def base(self, oid: int, modifier: int) -> tuple[Type, int]:
        """What a domain is made of in the end, and with which modifier; any other type is itself."""
        kind = self.types[oid]
        while kind.kind == "d":
            kind, modifier = self.types[kind.of], kind.modifier
        return kind, modifier

    def conditions(self, oid: int) -> list[str]:
        """All conditions on VALUE that a domain, or one that it is made of, has."""
        kind, found = self.types[oid], list[str]()
        while kind.kind == "d":
            found += kind.checks
            kind = self.types[kind.of]
        return found

    def _domain(self, kind: Type, n: int, salt: str) -> str | None:
        from rollproof.rowgen.candidates import Wanted, candidates

        base, modifier = self.base(kind.oid, -1)
        conditions = self.conditions(kind.oid)
        if not conditions:
            inner = self.value(base.oid, modifier, n, salt)
            return inner and f"CAST({inner} AS {kind.name})"
        found = candidates(self, Wanted(base.oid, modifier, n, salt), conditions)
        rows = ", ".join(f"({value})" for value in found)
        where = " AND ".join(f"({condition}) IS NOT FALSE" for condition in conditions)
        return f"(SELECT CAST(value AS {kind.name}) FROM (VALUES {rows}) AS v (value) WHERE {where} LIMIT 1)"

    def _composite(self, kind: Type, n: int, salt: str) -> str:
        fields = (self.value(oid, modifier, n, salt) for oid, modifier in kind.attributes)
        return f"CAST(ROW({', '.join(field or 'NULL' for field in fields)}) AS {kind.name})"

    def _range(self, kind: Type, n: int) -> str | None:
        """Ranges of two rows do not overlap."""
        low, high = self.value(kind.of, -1, 10 * n), self.value(kind.of, -1, 10 * n + 5)
        return f"{kind.name}({low}, {high}, '[)')" if low and high else None

    def _array(self, kind: Type, modifier: int, n: int, salt: str) -> str | None:
        first, second = (self.value(kind.of, modifier, m, salt) for m in (n, n + 1))
        return f"CAST(ARRAY[{first}, {second}] AS {kind.name})" if first and second else None


def _words(n: int) -> str:
    """Every third is written carelessly: trimmed, or taken apart at blanks and commas, it is not the same."""
    return f"Value {number(n)},  b " if n % 3 == 2 else f"Value {number(n)}"


def _varchar(modifier: int, n: int) -> str:
    """Text that fits into `modifier` - 4 characters; two rows' are the same only below three."""
    room = modifier - 4 if modifier >= 4 else 1000
    longest, long, short = _words(n), f"Value {number(n)}", f"V{number(n)}"
    if room >= len(longest):
        return longest
    if room >= len(long):
        return long
    if room >= len(short):
        return short
    digits = _LETTERS[n % 26] + _LETTERS[n // 26 % 26].upper() + str(n // 676 % 10) + "x"
    return digits[:room]


def _numeric(modifier: int, n: int) -> str:
    if modifier < 4:
        return f"{number(n)}.125"
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    scale = scale - 2048 if scale > 1023 else scale
    whole = (
        number(n) % 10 ** max(precision - scale, 0)
        if scale >= 0
        else number(n) // 10 ** (-scale) * 10 ** (-scale)
    )
    if scale <= 0:
        return str(whole)
    fraction = ((n * 10 + 1) % 10 ** min(scale, precision)) or 1
    return f"{whole}.{fraction:0{scale}d}"


def _bits(modifier: int, n: int) -> str:
    width = modifier if modifier > 0 else 8
    return f"{n % 2 ** min(width, 60):0{width}b}"


def _vector(modifier: int, n: int) -> str:
    return str([n + at for at in range(modifier if modifier > 0 else 3)])


def _json(n: int) -> str:
    return json.dumps({"key": f"Value {number(n)}", "number": number(n), "list": [1, 2]})


def _stamp(n: int) -> str:
    return f"{day(n)} {_TIME}"


_WITH_MODIFIER: Mapping[str, Callable[[int, int], str]] = {
    "varchar": _varchar,
    "bpchar": _varchar,
    "numeric": _numeric,
    "bit": lambda modifier, n: _bits(max(modifier, 1), n),
    "varbit": _bits,
    "vector": _vector,
    "halfvec": _vector,
}
_PLAIN: Mapping[str, Callable[[int], str]] = {
    "int2": lambda n: str(number(n)),
    "int4": lambda n: str(number(n)),
    "int8": lambda n: str(number(n)),
    "oid": lambda n: str(number(n)),
    "xid": lambda n: str(number(n)),
    "xid8": lambda n: str(number(n)),
    "cid": lambda n: str(number(n)),
    "tid": lambda n: f"(0,{number(n)})",
    "regclass": lambda n: ("pg_class", "pg_type", "pg_attribute")[n % 3],
    "regtype": lambda n: ("integer", "text", "boolean")[n % 3],
    "regproc": lambda n: ("now", "pi", "version")[n % 3],
    "regprocedure": lambda n: ("now()", "pi()", "version()")[n % 3],
    "regoper": lambda _: "||/",
    "regoperator": lambda _: "+(integer,integer)",
    "regrole": lambda _: "pg_monitor",
    "regnamespace": lambda n: ("pg_catalog", "information_schema")[n % 2],
    "regconfig": lambda n: ("simple", "english")[n % 2],
    "regdictionary": lambda n: ("simple", "english_stem")[n % 2],
    "regcollation": lambda _: '"C"',
    "float4": lambda n: f"{number(n)}.5",
    "float8": lambda n: f"{number(n)}.123456789",
    "money": lambda n: f"{number(n)}.25",
    "bool": lambda n: "true" if n % 2 else "false",
    "text": _words,
    "citext": _words,
    "name": lambda n: f"Value {number(n)}",
    "char": lambda n: _LETTERS[n % 26],
    "bytea": lambda n: f"\\x00deadbeef{number(n):08x}",
    "json": _json,
    "jsonb": _json,
    "xml": lambda n: f'<row number="{number(n)}">Value</row>',
    "jsonpath": lambda n: f'$."a{number(n)}"',
    "inet": lambda n: f"10.{number(n) >> 8}.{number(n) & 255}.7",
    "cidr": lambda n: f"10.{number(n) >> 8}.{number(n) & 255}.0/24",
    "macaddr": lambda n: f"08:00:2b:01:{number(n) >> 8:02x}:{number(n) & 255:02x}",
    "macaddr8": lambda n: f"08:00:2b:01:02:03:{number(n) >> 8:02x}:{number(n) & 255:02x}",
    "point": lambda n: f"({n},{n}.5)",
    "line": lambda n: f"{{1,2,{n}}}",
    "lseg": lambda n: f"[({n},0),({n},1.5)]",
    "box": lambda n: f"({10 * n + 5},5.5),({10 * n},0)",
    "path": lambda n: f"[({n},0),({n},1),(2.5,2)]",
    "polygon": lambda n: f"(({10 * n},0),({10 * n},1),({10 * n + 5},2.5))",
    "circle": lambda n: f"<({10 * n},0),2.5>",
    "tsvector": lambda n: f"'value{number(n)}':1A 'word':2",
    "tsquery": lambda n: f"'value{number(n)}' & 'word'",
    "date": lambda n: str(day(n)),
    "timestamp": _stamp,
    "timestamptz": lambda n: f"{_stamp(n)}+00",
    "time": lambda n: f"{10 + n // 3600 % 13}:{n // 60 % 60:02d}:{n % 60:02d}.123456",
    "timetz": lambda n: f"{10 + n // 3600 % 13}:{n // 60 % 60:02d}:{n % 60:02d}.123456+02",
    "interval": lambda n: f"{n} days 04:05:06.789",
    "pg_lsn": lambda n: f"0/{number(n):X}",
    "pg_snapshot": lambda n: f"{n}:{n + 10}:{n + 4}",
    "txid_snapshot": lambda n: f"{n}:{n + 10}:{n + 4}",
    "int2vector": lambda n: f"1 {n}",
    "oidvector": lambda n: f"1 {n}",
    "aclitem": lambda _: "postgres=r/postgres",
    "refcursor": lambda n: f"cursor{n}",
    "hstore": lambda n: f'"key"=>"Value {number(n)}", "none"=>NULL',
    "ltree": lambda n: f"Top.a{number(n)}",
    "lquery": lambda n: f"Top.*.a{number(n)}",
    "ltxtquery": lambda n: f"Top & a{number(n)}",
    "cube": lambda n: f"({n}, 1.5, 2)",
    "seg": lambda n: f"{n} .. {n + 1}",
    "ean13": lambda _: "978-0-393-04002-9",
    "isbn": lambda _: "0-393-04002-X",
    "geometry": lambda n: f"POINT({n} {n}.5)",
    "geography": lambda n: f"POINT({n % 90} {n % 90}.5)",
    "sparsevec": lambda n: f"{{1:{n}}}/3",
}
