"""File names with a meaning: `{any}_rollback_{number}.sql` and the forward `NNN_name.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rollproof.errors import MigrationError

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIELDS = {"number": "[0-9]{1,18}", "any": "[0-9]{1,18}", "name": ".+"}
_FORWARD = re.compile(r"(?P<number>[0-9]{1,18})(?:[_.\- ](?P<name>.+))?\.sql", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file's name says.

    Attributes:
        number: of the migration that it is, or that it undoes.
        name: the rest of that migration's name, "" when the file does not say.
        own: the file's own number where it has another one, such as 11 in `011_rollback_010.sql`.
    """

    number: int
    name: str = ""
    own: int | None = None


@dataclass(frozen=True, slots=True)
class FilePattern:
    """A file name with placeholders, compiled.

    `{number}` is the number of the migration that the file undoes (leading zeros do not matter),
    `{any}` a number of its own, `{name}` the rest of the migration's name. A leading folder is
    allowed: `undo/{number}.sql`. Upper and lower case are the same.
    """

    pattern: str
    folder: str = ""
    regex: re.Pattern[str] = field(default=re.compile(""), repr=False)

    @classmethod
    def compile(cls, pattern: str, *, setting: str = "rollback") -> FilePattern:
        """Raises MigrationError when the pattern could not name files without doubt."""
        if problem := _problem(pattern):
            raise MigrationError(
                f"`{setting}` = {pattern!r} is not a file name pattern: {problem}",
                doing="reading the settings of the migrations",
                where="system file, [database.migrations]",
                remedy="write it like {any}_rollback_{number}.sql; "
                "{number} is the number of the migration that the file undoes",
            )
        folder, _, name = pattern.rpartition("/")
        return cls(pattern, folder, re.compile(_as_regex(name), re.IGNORECASE))

    def match(self, name: str) -> FileName | None:
        """What a file of that name, without its folder, says; None when it does not fit."""
        found = self.regex.fullmatch(name)
        if not found:
            return None
        fields = found.groupdict()
        own = fields.get("any")
        return FileName(int(fields["number"]), fields.get("name") or "", int(own) if own else None)

    def fill(self, *, number: str, name: str = "", own: str = "") -> str:
        """The path of such a file, relative to the migrations' folder; for remedies."""
        values = {"number": number, "name": name or "name", "any": own or "NNN"}
        return _PLACEHOLDER.sub(lambda found: values[found[1]], self.pattern)


def forward(name: str) -> FileName | None:
    """What a forward migration's file name says: `010_create_plans.sql`; None for any other."""
    found = _FORWARD.fullmatch(name)
    return FileName(int(found["number"]), (found["name"] or "").removesuffix(".up")) if found else None


def _as_regex(name: str) -> str:
    parts = _PLACEHOLDER.split(name)
    return "".join(
        f"(?P<{part}>{_FIELDS[part]})" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )


def _problem(pattern: str) -> str:
    """Why the pattern cannot be used, or nothing."""
    folder, _, name = pattern.rpartition("/")
    fields = _PLACEHOLDER.findall(name)
    rest = _PLACEHOLDER.sub("", name)
    checks = {
        "it is empty": not name,
        "braces that belong to no placeholder": "{" in rest or "}" in rest,
        "a placeholder in a folder's name": bool(_PLACEHOLDER.search(folder)),
        "it leaves the folder of the migrations": folder.startswith("/") or ".." in folder.split("/"),
        "a backslash; folders are separated by /": "\\" in pattern,
        "{number} is missing, so nobody could tell which migration a file undoes": "number" not in fields,
        "two placeholders with nothing between them": "}{" in name,
        "a placeholder that is there twice": len(set(fields)) < len(fields),
    }
    unknown = [f"unknown placeholder {{{item}}}" for item in fields if item not in _FIELDS]
    return next((text for text, wrong in checks.items() if wrong), "") or next(iter(unknown), "")
