"""Variables in a file's history: what it was before, and what no file can tell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rollproof.components.configfile import ConfigFile, variables_in
from rollproof.components.git import Repository
from rollproof.errors import AttemptFailed, BadInput

EXAMPLE = "# of the shop\nLEVEL=info\nLIMIT=5   # seconds\nNAME='a shop'\n"
COMPOSE = """
services:
  web:
    image: shop
    environment: { LEVEL: info, LIMIT: 5, DEBUG: false }
  worker:
    environment:
      - LEVEL=info
      - PASSED_ON
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "shop")


def committed(repository: Repository, *texts: str, name: str = ".env.example") -> Path:
    for number, text in enumerate(texts):
        (repository.path / name).write_text(text)
        repository.commit(f"change {number}")
    return repository.path / name


def opened(file: Path, *services: str) -> ConfigFile:
    scratch = file.parent.parent / "scratch"
    return ConfigFile.open(file, scratch=scratch, services=services, where="system.toml: settings.a.history")


def test_variables_are_read_without_quotes_and_comments() -> None:
    assert variables_in(EXAMPLE, ".env.example") == {"LEVEL": "info", "LIMIT": "5", "NAME": "a shop"}


def test_variables_of_a_compose_file_are_those_of_the_named_services() -> None:
    assert variables_in(COMPOSE, "docker-compose.yml", ["worker"]) == {"LEVEL": "info"}
    assert variables_in(COMPOSE, "compose.yaml") == {"LEVEL": "info", "LIMIT": "5", "DEBUG": "false"}


def test_the_value_before_is_that_of_the_newest_version_that_says_otherwise(repository: Repository) -> None:
    texts = [EXAMPLE, EXAMPLE.replace("info", "warning"), EXAMPLE.replace("info", "loud")]
    file = opened(committed(repository, *texts))
    assert file.previous("LEVEL", "loud")[1] == "warning"
    assert file.previous("LEVEL", "set by hand")[1] == "loud"


def test_a_variable_that_came_with_the_change_was_not_set_before(repository: Repository) -> None:
    file = opened(committed(repository, EXAMPLE, EXAMPLE + "NEW=1\n"))
    assert file.previous("NEW", "1")[1] is None


def test_a_history_without_an_earlier_value_says_so(repository: Repository) -> None:
    file = opened(committed(repository, EXAMPLE))
    for name, value in (("LEVEL", "info"), ("UNKNOWN", "1")):
        with pytest.raises(AttemptFailed, match=f"no earlier value of {name}"):
            file.previous(name, value)


@pytest.mark.parametrize(
    ("name", "text"),
    [(".env.example", EXAMPLE), ("compose.yml", "services:\n  web:\n    environment:\n      LEVEL: info\n")],
    ids=["a file of variables", "a compose file"],
)
def test_what_a_drill_commits_stays_out_of_the_users_repository(
    repository: Repository, name: str, text: str
) -> None:
    path = committed(repository, text, name=name)
    head, objects = repository.head, sorted((repository.path / ".git").rglob("*"))
    file = opened(path)
    file.commit({"LEVEL": "loud: #1"}, "Change LEVEL")
    assert file.now().variables["LEVEL"] == "loud: #1"
    assert file.restore({"LEVEL": "info"}, "Put it back") is not None
    assert file.now().variables["LEVEL"] == "info"
    assert file.restore({"LEVEL": "info"}, "Put it back") is None
    assert (repository.head, sorted((repository.path / ".git").rglob("*"))) == (head, objects)


def test_a_file_that_git_does_not_have_is_named(repository: Repository, tmp_path: Path) -> None:
    path = committed(repository, EXAMPLE).with_name(".env")
    with pytest.raises(BadInput, match=r"there is no file \.env"):
        opened(path)
    path.write_text("LEVEL=info\n")
    with pytest.raises(BadInput, match=r"\.env is not in git"):
        opened(path)
    (tmp_path / "elsewhere").mkdir()
    stray = tmp_path / "elsewhere" / ".env"
    stray.write_text("LEVEL=info\n")
    with pytest.raises(BadInput, match="is not in git"):
        opened(stray)


@pytest.mark.parametrize(("name", "value"), [("LEVEL", 'a "b" c'), ("LEVEL", "two\nlines")])
def test_a_value_that_the_file_cannot_hold_is_refused(repository: Repository, name: str, value: str) -> None:
    file = opened(committed(repository, COMPOSE, name="compose.yml"))
    with pytest.raises(BadInput, match=r"cannot be changed|not valid YAML"):
        file.commit({name: value}, "Change it")


def test_a_compose_file_that_is_no_yaml_is_named(repository: Repository) -> None:
    path = committed(repository, "services: [", name="compose.yml")
    with pytest.raises(BadInput, match="not valid YAML"):
        opened(path)


def test_a_shallow_checkout_has_the_history_that_it_has(repository: Repository, tmp_path: Path) -> None:
    committed(repository, EXAMPLE, EXAMPLE.replace("info", "warning"))
    copy = tmp_path / "shallow"
    source = f"file://{repository.path}"
    subprocess.run(["git", "clone", "-q", "--depth=1", source, str(copy)], check=True, timeout=60)
    file = ConfigFile.open(copy / ".env.example", scratch=tmp_path / "scratch", services=(), where="here")
    file.commit({"LEVEL": "loud"}, "Change LEVEL")
    assert file.previous("LEVEL", "loud")[1] == "warning"


BLOCKS = """services:
  web:
    environment:
      LEVEL: info   # how much is logged
      LIMIT: 5
  worker:
    environment:
      - LEVEL=info
      - LIMIT=9
  mailer:
    environment:
      LIMIT: 2
"""


def limits(file: ConfigFile) -> list[str | None]:
    return [file.of(name).now().variables.get("LIMIT") for name in ("web", "worker", "mailer")]


def test_each_service_of_a_compose_file_has_values_and_a_history_of_its_own(repository: Repository) -> None:
    file = opened(committed(repository, BLOCKS, name="compose.yml"), "web", "worker")
    file.commit({"LIMIT": "0"}, "Change it")
    assert limits(file) == ["0", "0", "2"]
    for name, value in (("web", "5"), ("worker", "9")):
        revision, found = file.of(name).previous("LIMIT", "0")
        assert found == value
        file.of(name).restore({"LIMIT": found}, f"as in {revision.commit}")
    assert limits(file) == ["5", "9", "2"]


@pytest.mark.parametrize("service", ["web", "worker"])
def test_a_variable_that_was_taken_out_of_a_compose_file_comes_back_to_its_service(
    repository: Repository, service: str
) -> None:
    file = opened(committed(repository, BLOCKS, name="compose.yml"), service).of(service)
    before = file.now().variables
    file.commit({"LIMIT": None}, "Take it out")
    assert "LIMIT" not in file.now().variables
    file.restore({"LIMIT": before["LIMIT"]}, "Put it back")
    assert file.now().variables == before
    assert limits(file)[2] == "2"


def test_a_service_that_a_compose_file_does_not_have_is_given_all_that_it_says(
    repository: Repository,
) -> None:
    file = opened(committed(repository, BLOCKS, name="compose.yml"), "web")
    assert file.of("another") == file
