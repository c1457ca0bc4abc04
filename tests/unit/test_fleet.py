"""A drill in parts: each scenario in exactly one, what died counted once, the same bytes again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from fleet_support import run_of
from hypothesis import given
from hypothesis import strategies as st

from rollproof.drill.healing import outstanding
from rollproof.errors import BadInput, JournalError
from rollproof.evidence import summarise
from rollproof.evidence.register import INDEX, Entered, read_index
from rollproof.evidence.standing.earlier import ACT, Earlier
from rollproof.fleet.merge import RUNS, close_merged, merge_runs
from rollproof.fleet.shards import Shard
from rollproof.journal import Journal, Recorder, read_journal
from rollproof.model.systemfile import Settings
from rollproof.model.verdict import Outcome
from rollproof.seal.history import verify_folder
from rollproof.seal.result import Trust

JOURNAL = "journal.ndjson"


@given(
    tests=st.dictionaries(st.text("abc/::", min_size=1, max_size=6), st.sampled_from("xyz"), max_size=30),
    count=st.integers(1, 8),
)
def test_every_test_is_in_exactly_one_part(tests: dict[str, str], count: int) -> None:
    parts = [Shard(index, count).choose(tests) for index in range(count)]
    assert sorted(itertools.chain(*parts)) == sorted(tests)


def test_a_system_stays_in_one_part_while_there_are_enough() -> None:
    tests = {f"f::{number}[{system}]": system for number in range(5) for system in "abcd"}
    for index in range(3):
        mine = Shard(index, 3).choose(tests)
        systems = {tests[one] for one in mine}
        assert mine == {one for one, system in tests.items() if system in systems}


@pytest.mark.parametrize(
    ("index", "count", "environ", "said"),
    [
        (3, 3, {}, "there is no part 3 of 3"),
        (-1, 3, {}, "there is no part -1 of 3"),
        (None, 3, {}, "nothing says which of the 3 parts this is"),
        (None, 3, {"JOB_COMPLETION_INDEX": "3"}, "there is no part 3 of 3"),
        (None, 3, {"JOB_COMPLETION_INDEX": "two"}, "found 'two', expected the number of a part"),
        (
            None,
            3,
            {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "4"},
            "the array has 4 children",
        ),
        (1, None, {}, "a run cannot be split into an unknown number of parts"),
        (0, 0, {}, "a run cannot be split into 0 parts"),
    ],
)
def test_a_part_that_cannot_be_is_refused(
    index: int | None, count: int | None, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInput) as error:
        Shard.here(index, count, environ)
    assert said in error.value.found


def test_the_part_is_the_jobs_own_index() -> None:
    assert Shard.here(None, 4, {"JOB_COMPLETION_INDEX": "2"}) == Shard(2, 4)
    batch = {"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "4"}
    assert Shard.here(None, 4, batch) == Shard(3, 4)
    assert Shard.here(1, 4, batch) == Shard(1, 4), "what is said on the command line counts"


def three(folder: Path) -> list[Path]:
    return [run_of(folder, f"20261122T05000{n}Z-00000{n}", [f"shop-{n}"], shard=(n, 3)) for n in range(3)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bytes_come_of_every_order(tmp_path: Path) -> None:
    parts = three(tmp_path)
    made = []
    for number, order in enumerate(itertools.permutations([*parts, parts[0]])):
        folder = merge_runs(order, tmp_path / f"into-{number}")
        made.append((folder.name, contents(folder)))
    assert all(one == made[0] for one in made)
    summary = summarise(read_journal(folder / JOURNAL))
    assert summary.outcome is Outcome.PROVEN
    assert summary.facts.systems == ("shop-0", "shop-1", "shop-2")
    assert set(summary.facts.objectives) == {"shop-0", "shop-1", "shop-2"}
    assert outstanding(read_journal(folder / JOURNAL).events) == [], "what was healed is known to be"
    assert {path.parent.name[:10] for path in folder.glob(f"{RUNS}/*/{JOURNAL}")} == {
        "part-00000",
        "part-00001",
        "part-00002",
    }


def test_a_part_that_died_is_in_the_evidence_once_and_named(tmp_path: Path) -> None:
    parts = three(tmp_path)
    dead = run_of(tmp_path, "20261122T045959Z-dead00", ["shop-1"], shard=(1, 3), ends="killed")
    folder = merge_runs([*parts, dead], tmp_path / "into")
    history = read_journal(folder / JOURNAL)
    assert len(history.all("scenario.started")) == 3
    assert list(history.all("parts.merged")[0].data["left_out"]) == ["part-00001-20261122T045959Z-dead00"]  # type: ignore[arg-type]
    assert summarise(history).outcome is Outcome.PROVEN


def test_a_part_that_died_refuting_something_is_not_left_out(tmp_path: Path) -> None:
    parts = three(tmp_path)
    dead = run_of(
        tmp_path, "20261122T045959Z-dead00", ["shop-1"], shard=(1, 3), ends="killed", outcome="refuted"
    )
    folder = merge_runs([*parts, dead], tmp_path / "into")
    assert summarise(read_journal(folder / JOURNAL)).outcome is Outcome.REFUTED


def test_a_part_that_finished_twice_is_nobodys_to_choose(tmp_path: Path) -> None:
    parts = three(tmp_path)
    again = run_of(tmp_path, "20261122T060000Z-again0", ["shop-1"], shard=(1, 3), outcome="refuted")
    with pytest.raises(BadInput, match="both runs have finished it: part 1 of 3"):
        merge_runs([*parts, again], tmp_path / "into")


def test_a_missing_part_is_named_and_makes_the_run_unknown_at_best(tmp_path: Path) -> None:
    parts = three(tmp_path)
    with pytest.raises(BadInput, match="part 1 of 3 is missing"):
        merge_runs([parts[0], parts[2]], tmp_path / "into")
    folder = merge_runs([parts[0], parts[2]], tmp_path / "into", incomplete=True)
    summary = summarise(read_journal(folder / JOURNAL))
    assert summary.outcome is Outcome.UNKNOWN
    assert any("part 1 of 3 is missing" in problem for problem in summary.problems)


def test_a_part_that_began_none_of_what_was_chosen_proves_nothing(tmp_path: Path) -> None:
    parts = three(tmp_path)[:2]
    empty = run_of(
        tmp_path, "20261122T050009Z-empty0", [], shard=(2, 3), chosen=["features/a.feature::one[shop-2]"]
    )
    summary = summarise(read_journal(merge_runs([*parts, empty], tmp_path / "into") / JOURNAL))
    assert summary.outcome is Outcome.UNKNOWN
    assert summary.problems == ("chosen and never begun: features/a.feature::one[shop-2]",)


def test_a_part_to_which_nothing_fell_is_no_gap(tmp_path: Path) -> None:
    parts = three(tmp_path)[:2]
    empty = run_of(tmp_path, "20261122T050009Z-empty0", [], shard=(2, 3), outcome="unknown")
    assert (
        summarise(read_journal(merge_runs([*parts, empty], tmp_path / "into") / JOURNAL)).outcome
        is Outcome.PROVEN
    )


def test_only_parts_of_one_drill_are_merged(tmp_path: Path) -> None:
    parts = three(tmp_path)
    other = run_of(
        tmp_path, "20261122T050009Z-other0", ["shop-1"], shard=(1, 3), plan={"name": "w", "digest": "e" * 64}
    )
    with pytest.raises(BadInput, match="the plan is not the same"):
        merge_runs([parts[0], parts[2], other], tmp_path / "into")
    more = run_of(tmp_path, "20261122T050009Z-more00", ["shop-1"], shard=(1, 4))
    with pytest.raises(BadInput, match="the number of parts is not the same"):
        merge_runs([*parts, more], tmp_path / "into")


def test_two_drills_of_one_scenario_are_not_one(tmp_path: Path) -> None:
    one = run_of(tmp_path, "20261122T050001Z-000001", ["shop"], outcome="refuted")
    two = run_of(tmp_path, "20261122T060001Z-000002", ["shop"])
    with pytest.raises(BadInput) as error:
        merge_runs([one, two], tmp_path / "into")
    assert "both runs have finished it" in error.value.found
    assert "choosing the better one is no evidence" in error.value.remedy


def test_what_has_not_ended_or_was_altered_is_not_merged(tmp_path: Path) -> None:
    parts = three(tmp_path)
    going = run_of(tmp_path, "20261122T050009Z-going0", ["shop-1"], shard=(1, 3), ends="open")
    with pytest.raises(BadInput, match="has not ended, or was killed and is not healed yet"):
        merge_runs([parts[0], going, parts[2]], tmp_path / "into")
    body = (parts[1] / JOURNAL).read_bytes()
    (parts[1] / JOURNAL).write_bytes(body.replace(b"shop-1", b"shop-9"))
    with pytest.raises(JournalError):
        merge_runs(parts, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_merged_run_is_in_the_index_and_sealed_once(tmp_path: Path) -> None:
    into = tmp_path / "into"
    for _ in range(2):
        folder = merge_runs(three(tmp_path) if not into.exists() else sorted(tmp_path.glob("2026*")), into)
        close_merged(folder, Settings(source=tmp_path / "pyproject.toml"))
    entries = [(entry.kind, entry.run) for entry in read_index(into / INDEX)]
    assert entries == [(Entered.PLANNED, folder.name), (Entered.EXECUTED, folder.name)]


def test_a_merged_run_knows_the_runs_before_it_and_is_the_same_when_merged_again(tmp_path: Path) -> None:
    into, settings = tmp_path / "into", Settings(source=tmp_path / "pyproject.toml")
    earlier = run_of(tmp_path, "20261101T060000Z-0aaaaa", ["shop-9"], plan=None, outcome="refuted")
    close_merged(merge_runs([earlier], into), settings)
    parts = three(tmp_path)
    folder = merge_runs(parts, into)
    close_merged(folder, settings)
    before = (folder / JOURNAL).read_bytes()
    known = summarise(read_journal(folder / JOURNAL)).earlier
    assert (known.runs, [one.outcome.value for one in known.standings.values()]) == (1, ["refuted"])
    assert len(known.findings) == 1
    merge_runs(list(reversed(parts)), into)
    assert (folder / JOURNAL).read_bytes() == before
    assert verify_folder(into, Trust()).findings == []


def test_what_a_part_knew_of_its_own_folder_is_not_what_the_merged_run_knows(tmp_path: Path) -> None:
    parts = [run_of(tmp_path, f"20261122T06000{n}Z-{n}aaaaa", [f"s{n}"], shard=(n, 2)) for n in range(2)]
    with Journal.reopen(parts[0] / JOURNAL) as journal:
        kept = journal.attachments.put(Earlier(runs=7, last="x").to_json())
        Recorder(journal, "run").note(ACT, {"history": kept})
    assert summarise(read_journal(merge_runs(parts, tmp_path / "into") / JOURNAL)).earlier == Earlier()
