"""All that a repository is looked through for, in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.coverage import Coverage, coverage, worth_drilling
from rollproof.adopt.folder import Repository, slug
from rollproof.adopt.histories import find_histories
from rollproof.adopt.render import plan_text
from rollproof.adopt.resources import find_resources
from rollproof.adopt.services import find_services
from rollproof.adopt.settle import settled
from rollproof.adopt.smoke import find_smoke, project_name
from rollproof.adopt.templates import StackFile, find_stacks
from rollproof.components.git import Repository as Git
from rollproof.errors import RollproofError

LOOKED_FOR = (
    "migrations of Django, Alembic, golang-migrate, diesel, sqlx, goose, dbmate, sql-migrate, sqitch, "
    "Flyway, Prisma, or numbered SQL files with rollback scripts",
    "compose.yml, docker-compose.yml, Dockerfile",
    "templates of CloudFormation and SAM, cdk.json, cdk.out",
    "smoke tests in package.json, Makefile, pytest",
)
SYSTEM, PLAN = "system.toml", "drills/first.toml"
_TAGS = 2
_READ = (
    Entry("name", "database answers"),
    Entry("kind", "read", note="replace it by what your clients read, and add a write"),
    Entry("sql", "SELECT count(*) FROM pg_catalog.pg_class"),
)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What `rollproof init` would write, and what there is to say of it.

    Attributes:
        found: kind, then place and details.
        left_out: tables that are written as comments, and why.
    """

    name: str
    found: list[tuple[str, str]]
    notes: list[str]
    left_out: list[tuple[str, str]]
    features: list[Coverage]
    system: str
    plan: str

    @property
    def empty(self) -> bool:
        return not self.found


def adopt(folder: Path) -> Adopted:
    """Looks a repository through; nothing in it is run or changed.

    Raises BadInput: there is no such folder.
    """
    repository = Repository.at(folder)
    survey = _surveyed(repository)
    text, system, more = settled(survey.blocks, repository.root / SYSTEM)
    features = coverage(system.components)
    plan = plan_text(SYSTEM, worth_drilling(features), survey.name)
    off = list(dict.fromkeys((block.shown, block.off) for block in survey.blocks if block.off))
    notes = [*repository.notes, *survey.notes, *more]
    return Adopted(survey.name, survey.found, notes, off, features, text, plan)


def _surveyed(repository: Repository) -> Survey:
    survey = Survey(slug(project_name(repository), most=40))
    histories = find_histories(repository, survey)  # first: it makes the walk that all others share
    manage = next((one.path for one in histories[:1] if one.path.name == "manage.py"), None)
    find_services(repository, survey, manage)
    if histories:
        survey.blocks.append(Block(("traffic",), _READ, listed=True))
    find_smoke(repository, survey)
    stacks = find_stacks(repository, survey)
    survey.blocks += _releases(repository, stacks)
    find_resources(repository, survey, stacks)
    survey.blocks[:0] = _head(survey)
    return survey


def _head(survey: Survey) -> list[Block]:
    asked = "what the business asks for; correct it"
    return [
        Block(("system",), (Entry("name", survey.name),)),
        Block(("objectives",), (Entry("rto", "15m", note=asked), Entry("rpo", "0s", note=asked))),
    ]


def _releases(repository: Repository, stacks: list[StackFile]) -> list[Block]:
    """Two releases as an example, under the names of the newest tags."""
    if not stacks:
        return []
    try:
        tags = Git(repository.root).git("tag", "--sort=creatordate").splitlines()[-_TAGS:]
    except RollproofError:
        tags = []
    names = tags if len(tags) == _TAGS else ["1.0.0", "1.1.0"]
    built = any("cdk.out" in stack.document.path.parts for stack in stacks)
    how = "`cdk synth --output releases/NAME`" if built else "`git worktree add releases/NAME NAME`"
    remarks = ("Releases, oldest first: each a folder that the templates are in.", f"Make each by {how}.")
    off = "two releases that are built are needed to go back from one to the other"
    return [
        Block(
            ("release",),
            (Entry("name", name), Entry("path", f"releases/{name}")),
            () if index else remarks,
            off,
            listed=True,
        )
        for index, name in enumerate(names)
    ]
