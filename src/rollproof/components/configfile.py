"""Variables in a file that git keeps, such as `.env.example` or a compose file: now, and in earlier versions.

The user's repository is only ever read: what a drill commits goes into a repository of its own, which
finds the history through git's `alternates` and is thrown away with the drill.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from rollproof.components.git import MAIN, Repository
from rollproof.errors import AttemptFailed, BadInput

MOST_REVISIONS = 200
"""versions of the file that are looked through, newest first"""
_ANY_OWNER = ("-c", "safe.directory=*")
"""Git refuses a repository of another user's, such as a checkout in a container; it is only read here."""
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")
_COMMENT = re.compile(r"\s+#.*$")
_PLAIN = re.compile(r"[^\s'\"#\\]*")
"""a value that needs no quotes in a line of `NAME=value`"""
_COMPOSE = frozenset({".yml", ".yaml"})
_REMEDY = "commit it, or name as `history` a file whose earlier versions git has"


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of the file."""

    commit: str
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file of variables and its history, in a repository of the drill's own.

    Attributes:
        path: in the repository, with slashes.
        services: of a compose file, whose variables count; of all of them when it has none of these.
    """

    repository: Repository
    path: str
    services: tuple[str, ...]

    @classmethod
    def open(
        cls, file: Path, *, scratch: Path, services: Iterable[str], where: str, shown: str = ""
    ) -> ConfigFile:
        """Args: scratch: a folder that is not there yet; where: the key that names the file, for errors.

        Raises:
            BadInput: the file is not there, not in git, or nothing that has variables.
            EnvironmentUnavailable: git is not installed.
        """
        shown = shown or file.name
        if not file.is_file():
            raise BadInput(f"there is no file {shown}", where=where, remedy="name one that is there")
        source = Repository(file.resolve().parent)
        try:
            top = Path(source.git(*_ANY_OWNER, "rev-parse", "--show-toplevel"))
            objects = source.git(*_ANY_OWNER, "rev-parse", "--path-format=absolute", "--git-path", "objects")
            shallow = source.git(*_ANY_OWNER, "rev-parse", "--path-format=absolute", "--git-path", "shallow")
            head = source.git(*_ANY_OWNER, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
            path = file.resolve().relative_to(top.resolve()).as_posix()
            source.git(*_ANY_OWNER, "cat-file", "-e", f"{head}:{path}")
        except AttemptFailed as error:
            raise BadInput(f"{shown} is not in git", where=where, remedy=_REMEDY) from error
        opened = cls(_beside(scratch, objects, shallow, head), path, tuple(services))
        opened.now()
        return opened

    @property
    def is_compose(self) -> bool:
        """Told by its name's end."""
        return Path(self.path).suffix in _COMPOSE

    def of(self, service: str) -> ConfigFile:
        """What one service is given: of a compose file that has it, its own; else all that the file says."""
        own = self.is_compose and service in services_in(self._text(MAIN), self.path)
        return replace(self, services=(service,)) if own else self

    def now(self) -> Revision:
        """The newest version. Raises BadInput when it is a compose file that cannot be read."""
        return self._at(self.repository.commit_of(MAIN))

    def revisions(self) -> Iterator[Revision]:
        """Its versions, newest first, read one by one. One that cannot be read has no variables."""
        listed = self.repository.git(
            "log", f"--max-count={MOST_REVISIONS}", "--format=%H", MAIN, "--", self.path
        )
        for commit in listed.splitlines():
            try:
                yield self._at(commit)
            except (AttemptFailed, BadInput):  # the file was deleted there, or was no YAML
                yield Revision(commit, {})

    def previous(self, name: str, value: str | None) -> tuple[Revision, str | None]:
        """The newest version that says other than `value` of a variable, and what it says; None: nothing.

        Raises AttemptFailed: no version ever said otherwise, or none ever knew the variable.
        """
        found, known = None, False
        for revision in self.revisions():
            said = revision.variables.get(name)
            known = known or said is not None
            if found is None and said != value:
                found = revision
            if found is not None and known:
                return found, found.variables.get(name)
        raise AttemptFailed(
            f"the history of {self.path} has no earlier value of {name}",
            doing="looking for what the configuration was",
            remedy="keep every variable of the service in that file, and commit each change of it",
        )

    def commit(self, changes: Mapping[str, str | None], message: str) -> str:
        """A new version with other values, None taking a variable out; its commit.

        Raises BadInput: a value cannot be written into a file of this form.
        """
        commit = self.repository.commit_of(MAIN)
        text = self._text(commit)
        for name, value in changes.items():
            text = self._changed(text, name, value)
        self._check_written(text, changes)
        return self._commit(commit, text, message)

    def restore(self, changes: Mapping[str, str | None], message: str) -> str | None:
        """Like `commit`, of what is other than it should be; None when nothing is."""
        now = self.now().variables
        wrong = {name: value for name, value in changes.items() if now.get(name) != value}
        return self.commit(wrong, message) if wrong else None

    def _at(self, commit: str) -> Revision:
        return Revision(commit, variables_in(self._text(commit), self.path, self.services))

    def _text(self, commit: str) -> str:
        return self.repository.git("show", f"{commit}:{self.path}") + "\n"

    def _changed(self, text: str, name: str, value: str | None) -> str:
        if self.is_compose:
            return _in_services(text, self.services, name, value)
        return _with_value(text, name, value)

    def _check_written(self, text: str, changes: Mapping[str, str | None]) -> None:
        written = variables_in(text, self.path, self.services)
        for name, value in changes.items():
            if written.get(name) != value:
                raise BadInput(
                    f"{name} cannot be changed in {self.path}",
                    doing="changing the configuration as a person would",
                    remedy="give it a line of its own there: NAME=value, or NAME: value",
                )

    def _commit(self, parent: str, text: str, message: str) -> str:
        git, content = self.repository.git, self.repository.path / "content"
        content.write_text(text, encoding="utf-8")
        blob = git("hash-object", "-w", "--no-filters", str(content))
        git("read-tree", parent)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{self.path}")
        commit = git("commit-tree", git("write-tree"), "-p", parent, "-m", message)
        git("update-ref", f"refs/heads/{MAIN}", commit)
        return commit


def _beside(scratch: Path, objects: str, shallow: str, head: str) -> Repository:
    """A repository that finds all of another's history and adds nothing to it."""
    repository = Repository.create(scratch)
    (scratch / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
    if Path(shallow).is_file():
        shutil.copy(shallow, scratch / ".git" / "shallow")
    repository.git("update-ref", f"refs/heads/{MAIN}", head)
    return repository


def variables_in(text: str, path: str, services: Iterable[str] = ()) -> dict[str, str]:
    """Variables in the text of a compose file, told by its name's end, or of a file of `NAME=value`.

    Raises BadInput for a compose file that is no YAML.
    """
    if Path(path).suffix in _COMPOSE:
        return _in_compose(text, path, tuple(services))
    found = (_ASSIGNMENT.match(line) for line in text.splitlines())
    return {match[1]: _unquoted(match[2]) for match in found if match}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return _COMMENT.sub("", value)


def services_in(text: str, path: str) -> dict[str, Any]:
    """What a compose file says of each service. Raises BadInput for what is no YAML."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadInput(f"{path} is not a compose file: it is not valid YAML", where=path) from error
    declared = data.get("services") if isinstance(data, dict) else None
    return declared if isinstance(declared, dict) else {}


def _in_compose(text: str, path: str, services: tuple[str, ...]) -> dict[str, str]:
    every = services_in(text, path)
    chosen = [every[name] for name in services if name in every] or list(every.values())
    found: dict[str, str] = {}
    for spec in chosen:
        found |= _environment(spec.get("environment") if isinstance(spec, dict) else None)
    return found


def _environment(said: Any) -> dict[str, str]:
    """Of a service, as a table or as a list of `NAME=value`; a name alone is taken from whoever starts it."""
    if isinstance(said, dict):
        return {str(name): _plain(value) for name, value in said.items() if value is not None}
    pairs = [str(item).partition("=") for item in said] if isinstance(said, list) else []
    return {name: value for name, equals, value in pairs if equals}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_services(text: str, services: tuple[str, ...], name: str, value: str | None) -> str:
    """A compose file with another value of a variable of these services, and of no other."""
    nodes = _environments(text, services)
    having = [node for node in nodes if _line_of(name).search(_part(text, node))]
    # from the end, so that what stands before is where it was
    for node in sorted(having, key=lambda node: -node.start_mark.index):
        begin, end = node.start_mark.index, node.end_mark.index
        text = text[:begin] + _with_value(text[begin:end], name, value) + text[end:]
    if having or value is None or not nodes or nodes[0].flow_style:
        return text
    first, listed = nodes[0].start_mark, isinstance(nodes[0], yaml.SequenceNode)
    said = f"- {name}={value}" if listed else f'{name}: "{value}"'
    return f"{text[: first.index]}{said}\n{' ' * first.column}{text[first.index :]}"


def _environments(text: str, services: tuple[str, ...]) -> list[Any]:
    """Where each of these services' variables stand, or each service's when there is none of these."""
    every = dict(_entries(_under(yaml.compose(text), "services")))
    chosen = [every[name] for name in services if name in every] or list(every.values())
    found = {id(node): node for one in chosen if (node := _under(one, "environment")) is not None}
    return list(found.values())


def _entries(node: Any) -> list[tuple[str, Any]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(str(key.value), value) for key, value in pairs]


def _under(node: Any, name: str) -> Any:
    return dict(_entries(node)).get(name)


def _part(text: str, node: Any) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _line_of(name: str) -> re.Pattern[str]:
    return re.compile(
        r"^(?P<before>[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?(?P<q>[\"']?)"
        rf"{re.escape(name)}(?P=q)[ \t]*[=:][ \t]*)"
        r"(?P<value>.*)$",
        re.MULTILINE,
    )


def _with_value(text: str, name: str, value: str | None) -> str:
    """The text with another value in each line of that variable; in a new line when there is none."""
    line = _line_of(name)
    if value is None:
        return re.sub(line.pattern + r"\n?", "", text, flags=re.MULTILINE)
    if not line.search(text):
        return f"{text.rstrip()}\n{name}={value}\n"

    def written(found: re.Match[str]) -> str:
        plain = _PLAIN.fullmatch(value) and ":" not in found["before"]
        return found["before"] + (value if plain else f'"{value}"')

    return line.sub(written, text)
