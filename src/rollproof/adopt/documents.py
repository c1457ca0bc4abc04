"""YAML, JSON and TOML files as data, with the lines that their keys stand in. Mistakes are noted, not raised.

A note names file, line and what the parser expected; it never repeats the line, which may hold a secret.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rollproof.adopt.folder import Repository
from rollproof.components.aws import templates
from rollproof.errors import BadInput

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEEPEST = 200
"""levels of tables and lists in one another"""
_BRACKETS = re.compile(r"[\[\]{}]")
_DASHES = re.compile(rf"(?:[-?:] +){{{DEEPEST}}}")


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data, a table at the top.

    Attributes:
        node: its tree as PyYAML composes it, for lines; None where there is none.
    """

    path: Path
    data: Mapping[str, Any]
    node: yaml.Node | None = None

    def line(self, *keys: str) -> int:
        """The line of a key, or of its nearest parent; 1 when nothing is known. Counted from 1."""
        line, node = 1, self.node
        for wanted in keys:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = next((pair for pair in pairs if str(pair[0].value) == wanted), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line


def read_yaml(repository: Repository, path: Path, text: str | None = None) -> Document | None:
    """A YAML or JSON file; None, with a note, when it is neither. Tags of CloudFormation are known."""
    text = repository.text(path) if text is None else text
    if not text.strip():
        return None
    where = repository.shown(path)
    if _too_deep(text):
        repository.note(f"{where}: nested deeper than {DEEPEST} levels; left out")
        return None
    try:
        if text.lstrip().startswith("{"):
            json.loads(text)
        node = _composed(text)
        data = templates.parse(text, where=where)
    except json.JSONDecodeError as error:
        repository.note(f"{where}:{error.lineno}: not JSON: {error.msg}; left out")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        repository.note(f"{where}:{line}: not YAML: {error.problem}; left out")
    except (yaml.YAMLError, BadInput, RecursionError, ValueError, TypeError, AttributeError):
        repository.note(f"{where}: not to be read as YAML; left out")
    else:
        if isinstance(data, dict):
            return Document(path, {str(key): value for key, value in data.items()}, node)
        repository.note(f"{where}: a table is expected at its top; left out")
    return None


def _too_deep(text: str) -> bool:
    """Whether brackets or dashes nest so deep that a parser in C would overflow its stack, which no one can
    catch. Brackets in texts count too, as if they nested."""
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            return True
    return _DASHES.search(text) is not None


def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError:
        if text.lstrip().startswith("{"):  # JSON with tabs is no YAML, but JSON all the same
            return None
        raise


def read_toml(repository: Repository, path: Path) -> Mapping[str, Any]:
    """A TOML file; empty, with a note, when it is none."""
    try:
        return tomllib.loads(repository.text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        repository.note(f"{repository.shown(path)}: not TOML: {error}; left out")
        return {}


def table(value: object) -> Mapping[str, Any]:
    """The value when it is a table, else an empty one."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
