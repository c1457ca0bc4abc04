"""What a baseline accepts, and what it does not let through."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from walk_samples import sample, sound

from rollproof.errors import BadInput
from rollproof.model.rows import RowChanges
from rollproof.walk.baseline import Baseline, write_baseline
from rollproof.walk.model import Again, Outcome, WalkResult

TODAY = date(2026, 11, 22)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baseline.toml"


def of(*results: object) -> WalkResult:
    return WalkResult("golang-migrate", "migrations", results)  # type: ignore[arg-type]


def test_what_is_written_accepts_all_there_is_and_nothing_more(path: Path) -> None:
    result = sample()
    assert write_baseline(path, result, reason="old", today=TODAY) == 7
    judged = Baseline.read(path).apply(result, today=TODAY)
    assert judged.passes
    assert [one.accepted for one in judged.migrations] == ["old"] * 7 + ["", ""]
    assert judged.warnings == ()


A, B = RowChanges("shop.a", lost=1), RowChanges("shop.b", lost=1)
FAILURES = sample().migrations[3].failures
LOSES = sound(6, outcome=Outcome.LOSES_DATA, rows=(A,))
UNDOWNED = sound(7, outcome=Outcome.NO_DOWN, again=Again.NOT_TRIED)
ENTRY = '[[accepted]]\nmigration = "a"\nverdict = "no_down"\ndate = 2026-01-01\nreason = "x"\n'


@pytest.mark.parametrize(
    "now",
    [
        sound(6, outcome=Outcome.CANNOT_RUN),
        sound(
            6, outcome=Outcome.LOSES_DATA, rows=(RowChanges("shop.a", lost=1), RowChanges("shop.b", lost=1))
        ),
        sound(
            6,
            outcome=Outcome.LOSES_DATA,
            rows=LOSES.rows,
            again=Again.FAILED,
            failures=sample().migrations[3].failures,
        ),
        sound(7, outcome=Outcome.LOSES_DATA, rows=LOSES.rows),
    ],
)
def test_what_is_new_fails_all_the_same(now: object, path: Path) -> None:
    write_baseline(path, of(LOSES), reason="known", today=TODAY)
    assert not Baseline.read(path).apply(of(now), today=TODAY).passes


def test_how_many_rows_are_lost_does_not_matter(path: Path) -> None:
    write_baseline(path, of(LOSES), reason="known", today=TODAY)
    more = sound(6, outcome=Outcome.LOSES_DATA, rows=(RowChanges("shop.a", lost=9),))
    assert Baseline.read(path).apply(of(more), today=TODAY).passes


def test_a_day_that_has_passed_ends_it(path: Path) -> None:
    write_baseline(path, of(LOSES), reason="known", today=TODAY)
    path.write_text(path.read_text() + "until = 2026-12-31\n")
    baseline = Baseline.read(path)
    assert baseline.apply(of(LOSES), today=date(2026, 12, 31)).passes
    late = baseline.apply(of(LOSES), today=date(2027, 1, 1))
    assert not late.passes
    assert "that day has passed" in late.warnings[0]


def test_what_is_sound_now_is_told(path: Path) -> None:
    write_baseline(path, of(LOSES), reason="known", today=TODAY)
    [warning] = Baseline.read(path).apply(of(sound(6)), today=TODAY).warnings
    assert warning == "baseline.toml: 0006_step is sound now: take its entry out"


def test_writing_again_keeps_comments_and_other_entries(path: Path) -> None:
    write_baseline(path, of(LOSES), reason="known", today=TODAY)
    path.write_text("# ours\n" + path.read_text())
    write_baseline(path, of(UNDOWNED), reason="new", today=TODAY)
    assert path.read_text().startswith("# ours\n")
    assert [entry.reason for entry in Baseline.read(path).accepted] == ["known", "new"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accepted = 1", "accepted"),
        ("nonsense", "this is no baseline"),
        ('[[accepted]]\nmigration = "a"\nverdict = "restored"\ndate = 2026-01-01\nreason = ""', "reason"),
        ('[[accepted]]\nmigration = "a"\nverdict = "wrong"\ndate = 2026-01-01\nreason = "x"', "verdict"),
        (
            '[[accepted]]\nmigration = "a"\nverdict = "no_down"\ndate = 2026-01-01\nreason = "x"\n' * 2,
            "more than one",
        ),
        (
            '[[accepted]]\nmigration = "a"\nverdict = "no_down"\ndate = 2026-01-01\nreason = "x"\nextra = 1',
            "extra",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, said: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as raised:
        Baseline.read(path)
    assert str(path) in str(raised.value)


def test_a_reason_must_be_given(path: Path) -> None:
    with pytest.raises(BadInput, match="needs a reason"):
        write_baseline(path, of(LOSES), reason=" ", today=TODAY)
    assert not path.exists()
