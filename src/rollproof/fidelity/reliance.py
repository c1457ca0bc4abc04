"""Which features rely on an experiment, found in what their steps call."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_bdd.parsers import StepParser

RELY = "rely_on"
_DECORATORS = frozenset({"given", "when", "then", "step"})


def relying(features: Iterable[Path], steps: Iterable[Path]) -> dict[str, list[str]]:
    """Names of the features that rely on each experiment, by its id.

    Args:
        features: feature files; steps: modules of step definitions.

    A step relies on an experiment when its function says `rely_on(drill, "id")`, or passes a name that
    is assigned a text at the top of its own module or of one that it imports it from.
    """
    phrases = [item for path in steps for item in _phrases(path)]
    found: dict[str, list[str]] = {}
    for path in features:
        said = _steps_of(path)
        for experiment, matches in phrases:
            if path.stem not in found.get(experiment, []) and any(matches(text) for text in said):
                found.setdefault(experiment, []).append(path.stem)
    return found


def own_steps() -> list[Path]:
    """Modules of the steps that ship with Rollproof."""
    spec = find_spec("rollproof.steps")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    return [path for folder in folders for path in sorted(Path(folder).glob("*.py"))]


class _Phrase:
    """The text of a step definition, and whether a step of a feature is one."""

    def __init__(self, node: ast.expr) -> None:
        self._parser = _parser(node)

    def __call__(self, text: str) -> bool:
        return self._parser is not None and bool(self._parser.is_matching(text))


def _parser(node: ast.expr) -> StepParser | None:
    from pytest_bdd import parsers

    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return parsers.string(node.value)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return None
    pattern = node.args[0]
    makers: dict[str, Callable[[str], StepParser]] = {"re": parsers.re, "parse": parsers.parse}
    if node.func.attr in makers and isinstance(pattern, ast.Constant):
        return makers[node.func.attr](str(pattern.value))
    return None


def _phrases(path: Path) -> Iterator[tuple[str, _Phrase]]:
    """Experiments and the phrases that rely on them, of one module."""
    tree = ast.parse(path.read_text("utf-8"))
    texts = _texts(tree)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        phrases = [_Phrase(call.args[0]) for call in _definitions(function)]
        for experiment in _relied(function, texts):
            yield from ((experiment, phrase) for phrase in phrases)


def _definitions(function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in function.decorator_list:
        if isinstance(node, ast.Call) and _name(node.func) in _DECORATORS and node.args:
            yield node


def _relied(function: ast.FunctionDef, texts: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _name(node.func) == RELY and len(node.args) > 1:
            argument = node.args[1]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)
            elif _name(argument) in texts:
                yield texts[_name(argument)]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _texts(tree: ast.Module) -> dict[str, str]:
    """Names that stand for a text at the top of a module, or of a module that it imports."""
    found = dict(_assigned(tree))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rollproof."):
            for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                found |= dict(_of_module(module))
    return found


def _of_module(name: str) -> Iterator[tuple[str, str]]:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return
    if spec is not None and spec.origin and spec.origin.endswith(".py"):
        yield from _assigned(ast.parse(Path(spec.origin).read_text("utf-8")))


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
            continue
        text = node.value.value
        if isinstance(text, str):
            yield from ((_name(target), text) for target in node.targets)


def _steps_of(path: Path) -> set[str]:
    """The texts of all steps, those of outlines once for each row."""
    from rollproof.plugin.gherkin import read_feature

    feature = read_feature(path, shown=str(path))
    found = {step.name for step in (feature.background.steps if feature.background else ())}
    for template in feature.scenarios.values():
        rows = [row for table in template.examples for row in table.as_contexts()] or [{}]
        found |= {step.name for row in rows for step in template.render(row).steps}
    return found
