"""The terminal says what happened, in any terminal, and obeys no text of the journal."""

from __future__ import annotations

from pathlib import Path

import evidence_stories as stories
import pytest
from evidence_poison import poisoned
from hypothesis import given, settings
from hypothesis import strategies as st

from rollproof.evidence import (
    Progress,
    RunSummary,
    as_text,
    closing_panel,
    progress_line,
    summarise,
    verdict_table,
)
from rollproof.evidence.wording import headline, say_act, say_bytes, say_number
from rollproof.journal import History, read_journal
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return read_journal(stories.write_whole(tmp_path_factory.mktemp("run")) / "journal.ndjson")


@pytest.fixture(scope="module")
def whole(history: History) -> RunSummary:
    return summarise(history)


def told(history: History, encoding: str = "utf-8") -> list[str]:
    progress = Progress(encoding)
    return [line for event in history.events if (line := progress.line(event)) is not None]


def test_each_scenario_has_its_verdict_and_what_is_not_proven_its_reason(whole: RunSummary) -> None:
    text = as_text(verdict_table(whole))
    for one in whole.scenarios:
        assert one.outcome.value in text
    assert "✓ proven" in text
    assert "664 ms" in text
    assert "alquimista declares no site" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_and_the_panel_keep_to_the_width(whole: RunSummary, width: int) -> None:
    text = as_text(verdict_table(whole), width=width) + as_text(closing_panel(whole), width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_encoding_can_write_it(whole: RunSummary, history: History, encoding: str) -> None:
    run = summarise(poisoned(history, "Migração ✓ 移行"))
    text = as_text(verdict_table(run), encoding=encoding) + as_text(closing_panel(run), encoding=encoding)
    text += "\n".join(told(poisoned(history, "Migração ✓ 移行"), encoding))
    assert text.encode(encoding)


def test_without_colour_there_is_no_control_sequence(whole: RunSummary) -> None:
    plain = as_text(verdict_table(whole)) + as_text(closing_panel(whole))
    assert "\x1b" not in plain
    assert "\x1b" in as_text(verdict_table(whole), colour=True)


def test_the_panel_tells_how_many_and_where_the_report_is(whole: RunSummary) -> None:
    text = as_text(closing_panel(whole, report="reports/latest/report.html"))
    assert "1 of 4 drills is proven" in text
    assert "reports/latest/report.html" in text


def test_the_panel_of_a_killed_run_says_that_it_did_not_finish(tmp_path: Path) -> None:
    run = summarise(read_journal(stories.write_killed(tmp_path) / "journal.ndjson"))
    assert "this run did not finish" in as_text(closing_panel(run))


def test_progress_says_what_was_done_to_what_and_how_long_it_took(history: History) -> None:
    lines = told(history)
    assert "    ✓ backup taken, before.dump, 3.1 MB, 240 ms" in lines
    assert "    ✓ migration rolled back, 014_add_lead_scores.sql, 015_rollback_014.sql, 310 ms" in lines
    assert any(
        line.startswith("    ✗ migration not rolled back") and "SQLSTATE 42P01" in line for line in lines
    )
    assert any(line.startswith("    ? unknown whether backup restored") for line in lines)
    assert "  Given the system runs its current release" in lines
    assert "  ✓ PROVEN: 4 checks, all proven" in lines


def test_progress_in_ascii_uses_plain_symbols(history: History) -> None:
    lines = told(history, "ascii")
    assert "    + backup taken, before.dump, 3.1 MB, 240 ms" in lines
    assert all(line.isascii() for line in lines)


def test_one_event_alone_tells_what_it_knows(history: History) -> None:
    ended = history.all("backup.take")[-1]
    assert progress_line(ended) == "    ✓ backup taken, 3.1 MB, 240 ms"


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=100))
def test_no_text_reaches_the_terminal_as_a_command(text: str, history: History) -> None:
    hostile = poisoned(history, f"{text}\x1b[2J\x07\x9b31m\u202e\r\n")
    lines = told(hostile)
    assert lines
    run = summarise(hostile)
    drawn = as_text(verdict_table(run)) + as_text(closing_panel(run))
    for shown in (*lines, *drawn.splitlines()):
        assert not set(shown) & set("\x1b\x07\x9b\u202e\r\n\x00\x08")


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        ("backup.take", "ok", "backup taken"),
        ("migration.roll_back", "fail", "migration not rolled back"),
        ("backup.restore", "unknown", "unknown whether backup restored"),
        ("clients.write", "ok", "clients wrote"),
        ("rollback.guard", "fail", "guard stopped the rollback"),
        ("cache.flush_all", "ok", "cache: flush all"),
        ("cache.flush_all", "fail", "cache: flush all failed"),
        ("cache.flush_all", "open", "cache: flush all: outcome unknown"),
        ("wait", "ok", "wait"),
    ],
)
def test_an_act_is_a_phrase(act: str, status: str, said: str) -> None:
    assert say_act(act, status) == said


@pytest.mark.parametrize(
    ("name", "value", "label", "said"),
    [
        ("rto_seconds", 1.42, "RTO", "1.4 s"),
        ("rows_lost", 12_345, "rows lost", "12,345"),
        ("backup_bytes", 3_142_000, "backup", "3.1 MB"),
        ("seconds", 0.25, "seconds", "250 ms"),
        ("restored", True, "restored", "yes"),
        ("by_table", {"a.b": 1, "c.d": 2}, "by table", "a.b: 1, c.d: 2"),
        ("names", [], "names", "none"),
        ("share", 0.5, "share", "0.5"),
    ],
)
def test_numbers_are_said_with_their_unit(name: str, value: Json, label: str, said: str) -> None:
    assert say_number(name, value) == (label, said)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2 * 10**12, "2.0 TB")]
)
def test_sizes_are_said_in_decimal_units(count: int, said: str) -> None:
    assert say_bytes(count) == said


@pytest.mark.parametrize(
    ("counts", "finished", "said"),
    [
        ((2, 0, 0, 0, 0), True, "All 2 drills are proven"),
        ((2, 0, 0, 0, 3), True, "All 2 drills are proven"),
        ((1, 0, 0, 0, 0), True, "The one drill is proven"),
        ((2, 0, 0, 1, 0), True, "2 of 3 drills are proven"),
        ((2, 0, 0, 0, 0), False, "2 of 2 drills are proven, and the run did not finish"),
        ((1, 0, 0, 0, 0), False, "The one drill is proven, and the run did not finish"),
        ((0, 1, 0, 0, 0), True, "The one drill is not proven"),
        ((0, 1, 1, 0, 0), True, "0 of 2 drills are proven"),
        ((0, 0, 0, 0, 0), False, "No drill was judged"),
        ((0, 0, 0, 0, 2), True, "No drill was judged"),
    ],
)
def test_the_headline_never_says_all_when_something_is_open(
    counts: tuple[int, ...], finished: bool, said: str
) -> None:
    assert headline(dict(zip(Outcome, counts, strict=True)), finished=finished) == said
