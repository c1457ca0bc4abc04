"""How psql ended, and what of its output may be shown."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field

from rollproof.migrations.psqloutput import read_messages
from rollproof.migrations.psqltext import split

_ECHOES = ("echo", "qecho")


@dataclass(frozen=True, slots=True)
class Finished:
    """How psql ended. Its raw output may hold anything; `echoes` and `notices` may be shown."""

    exit_code: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)

    @classmethod
    def of(cls, process: subprocess.Popen[bytes], stdout: bytes, stderr: bytes) -> Finished:
        return cls(process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))

    @property
    def pid(self) -> int | None:
        """Of psql's backend; None when it never connected."""
        return backend_pid(self.stdout.encode())

    def echoes(self, script: str) -> str:
        """What the script says with `\\echo`, word for word; anything else may come from rows."""
        lines = self.stdout.splitlines()[1:]
        said = {_words(m.arguments) for m in split(script).meta if m.name in _ECHOES} if lines else set()
        return "\n".join(line if line in said else "[a line that the script puts together]" for line in lines)

    def notices(self, script: str, *, first_line: int = 1) -> str:
        """What the server said besides; `first_line` is where in its file the script begins."""
        said = (
            f"line {m.line + first_line - 1}: {m.severity} {m.say(script)}".replace("  ", " ")
            for m in read_messages(self.stderr)
        )
        return "\n".join(said)


def _words(arguments: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"'((?:[^']|'')*)'", r"\1", arguments)).strip()


def backend_pid(output: bytes) -> int | None:
    """The pid that psql printed first; None when it has not (yet) connected."""
    first = output.split(b"\n", 1)[0].strip()
    return int(first) if first.isdigit() and b"\n" in output else None
