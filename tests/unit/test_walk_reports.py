"""What a walk found, as machines and people read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from junitparser import JUnitXml
from rich.console import Console
from walk_samples import sample, sound

from rollproof.migrations.locks.model import HeldLock, LockReport
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.walk.model import Failure, Outcome, RevisionResult, WalkResult
from rollproof.walk.reports.github import render_github
from rollproof.walk.reports.html import render_html, say_locks
from rollproof.walk.reports.junit import render_junit
from rollproof.walk.reports.plain import render_plain
from rollproof.walk.terminal import Terminal
from rollproof.walk.wording import listed, reservations, say_difference

HOSTILE = "<script>alert(1)</script>\x1b[31m, 100%\n::error::x"


def hostile() -> WalkResult:
    return replace(sample(), migrations=(sound(1, id=HOSTILE, outcome=Outcome.NO_DOWN, notes=(HOSTILE,)),))


def test_plain_text_says_what_fails_and_where() -> None:
    text = render_plain(sample())
    assert "FAILED    0007_step: not restored; applied again, it ends in another state" in text
    assert "migrations/003.down.sql:2: index shop.orders_at: missing after" in text
    assert 'migrations/004.down.sql:7: down: relation "x" does not exist (SQLSTATE 42P01)' in text
    assert "rows of shop.orders: 2 rows lost, 3 values of note lost" in text
    assert "0009_step" not in text
    assert text.endswith("7 to mend\n")


def test_plain_text_may_list_everything() -> None:
    assert "ok        0009_step: restored" in render_plain(sample(), everything=True)


def test_what_is_accepted_is_said_and_not_counted() -> None:
    accepted = replace(sample(), migrations=(sound(1, outcome=Outcome.NO_DOWN, accepted="by design"),))
    assert "accepted  0001_step: no rollback (by design)" in render_plain(accepted)
    assert render_plain(accepted).endswith("nothing to mend, 1 accepted\n")
    assert "::notice file=migrations/001.up.sql,line=1,title=0001_step%3A no rollback::by design" in (
        render_github(accepted)
    )


def test_an_annotation_stands_at_the_line_to_be_mended() -> None:
    lines = render_github(sample()).splitlines()
    assert len(lines) == 7
    assert all(line.startswith("::error file=migrations/") for line in lines)
    assert "file=migrations/003.down.sql,line=2" in lines[6]


def test_junit_counts_what_fails_apart_from_what_could_not_be_tried() -> None:
    report = JUnitXml.fromstring(render_junit(sample()))
    assert (report.tests, report.failures, report.errors, report.skipped) == (9, 5, 2, 0)


def test_no_text_escapes_its_format() -> None:
    assert render_github(hostile()).count("\n") == 1
    assert "\x1b" not in render_plain(hostile())
    page = render_html(hostile())
    assert "<script" not in page
    assert "\x1b" not in page
    JUnitXml.fromstring(render_junit(hostile()))


def test_the_page_draws_each_migration_and_links_it() -> None:
    page = render_html(sample())
    assert page.count('<a href="#m') == 9
    targets = set(re.findall(r'id="([^"]+)"', page))
    assert {link for link in re.findall(r'href="#([^"]+)"', page) if not link.startswith("i-")} <= targets
    assert "7 rollbacks of 9 to mend" in page
    assert page == render_html(sample())


def test_the_page_says_so_when_all_is_sound_or_nothing_was_walked() -> None:
    assert "All 1 rollbacks are sound" in render_html(replace(sample(), migrations=(sound(1),)))
    assert "No migration was walked" in render_html(replace(sample(), migrations=()))


def test_an_interrupted_walk_is_nowhere_taken_for_a_sound_one() -> None:
    cut = replace(sample(), migrations=(sound(1),), interrupted=True)
    assert not cut.passes
    assert "rollbacks are sound" not in render_html(cut)
    assert render_plain(cut).endswith("interrupted\n")
    assert JUnitXml.fromstring(render_junit(cut)).errors == 1


def test_what_was_not_compared_is_not_claimed() -> None:
    without = replace(sample(), migrations=(sound(1),), rows_compared=False)
    for text in (render_plain(without), render_html(without)):
        assert "rows were not compared" in text
        assert "rows compared too" not in text


def test_a_migration_that_changed_nothing_is_named() -> None:
    idle = replace(sample(), migrations=(sound(1, kind="nothing"), sound(2)))
    for text in (render_plain(idle), render_html(idle)):
        assert "0001_step: they changed nothing here, so that nothing is proven" in text
        assert "0002_step: they changed" not in text


def test_a_history_that_begins_on_what_it_does_not_make_is_told_apart_from_one_that_is_broken() -> None:
    failure = Failure("up", 'relation "workflow" does not exist', sqlstate="42P01")
    lacking = [sound(n, outcome=Outcome.UP_FAILED, failures=(failure,)) for n in (1, 2)]
    begun = replace(sample(), tool="alembic", migrations=(*lacking, sound(3)))
    said = " ".join(reservations(begun))
    assert 'begins on a database that is not empty: relation "workflow" does not exist' in said
    assert "--option prepare=" in said
    assert "prepare" not in " ".join(reservations(replace(begun, tool="goose")))
    assert not reservations(replace(begun, migrations=(sound(1), *lacking)))
    assert not reservations(replace(begun, migrations=(lacking[0], sound(2), sound(3))))


def test_what_to_do_and_estimates_are_said() -> None:
    failed = replace(sample().migrations[3].failures[0], remedy="name the role with --role")
    result = sound(
        1, outcome=Outcome.ENVIRONMENT, failures=(failed,), estimates={"up": 2.0, "up blocking": 1.0}
    )
    walk = replace(sample(), migrations=(result,))
    assert "what to do: name the role with --role" in render_plain(walk)
    assert "up about 2.0 s, writers waiting for 1.0 s of it" in render_html(walk)
    assert "up about 2.0 s, writers waiting for 1.0 s of it" in render_plain(walk, everything=True)


def test_the_json_has_the_promised_shape() -> None:
    data = json.loads(json.dumps(sample().to_json()))
    assert {"migrations", "totals", "seconds"} <= data.keys()
    keys = {"id", "verdict", "kind", "differences", "rows", "locks", "seconds", "again"}
    assert all(keys <= one.keys() for one in data["migrations"])
    assert data["totals"]["migrations"] == 9


def test_of_another_order_of_columns_only_what_has_moved_is_said() -> None:
    def order(before: list[str], after: list[str]) -> str:
        return say_difference(
            Difference("table", "public.t", "column order", [*before], [*after], DifferenceClass.COLUMN_ORDER)
        )

    assert order(["a", "b", "c"], ["a", "c", "b"]) == (
        "table public.t: columns in another order, b comes last"
    )
    assert order(["x", "a", "y", "b"], ["a", "b", "y", "x"]).endswith("order, y, x come last")
    assert order(["a"], ["a"]).startswith("table public.t: column order")


def test_of_many_names_the_first_are_said() -> None:
    assert listed("abc") == "a, b, c"
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"
    assert listed([]) == ""


def test_locks_are_said_by_mode() -> None:
    held = [HeldLock(f"public.t{n}", "AccessExclusiveLock", seconds=n / 1000) for n in range(7)]
    held += [HeldLock("public.u", "ShareLock"), HeldLock("public.v", "AccessShareLock")]
    assert say_locks(LockReport(held=tuple(held), rewritten=("public.t1",))) == (
        "AccessExclusive on public.t0, public.t1, public.t2, public.t3, public.t4 and 2 more"
        " for at most 6 ms; "
        "Share on public.u; written anew: public.t1"
    )


def test_a_terminal_says_thrice_what_is_to_be_said_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    one = RevisionResult("m", 1, Outcome.NO_DOWN)
    with Terminal(Console(width=100), total=9) as terminal:
        for number in range(9):
            terminal.told(replace(one, id=f"m{number}"))
        terminal.told(RevisionResult("other", 10, Outcome.DID_NOTHING))
    assert capsys.readouterr().out.splitlines() == [
        "m0: no rollback",
        "m1: no rollback",
        "m2: no rollback",
        "other: rollback does nothing",
        "… and 6 more like those above: no rollback",
    ]
