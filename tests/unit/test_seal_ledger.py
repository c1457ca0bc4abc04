"""The ledger of findings is held against the sealed runs beside it."""

from __future__ import annotations

import pytest
from standing_support import drilled

from rollproof.evidence.standing.findings import Act
from rollproof.evidence.standing.ledger import LEDGER, add, by_person, read_ledger
from rollproof.seal.history import verify_folder
from rollproof.seal.result import Reason, Trust


@pytest.fixture(autouse=True)
def _without_pdf(monkeypatch):
    """Most of the time of a verification goes into its PDF."""
    monkeypatch.setattr("rollproof.evidence.write.available", lambda: False)


@pytest.fixture
def reports(tmp_path):
    """A check is refuted, the risk accepted, the check proven, another refuted."""
    reports = tmp_path / "reports"
    drilled(reports, "20261121T000000Z-000001", {"one": "refuted", "two": "proven"})
    [name] = read_ledger(reports).findings
    said = {"reason": "known", "until": "2030-01-01"}
    add(reports, lambda _: [by_person(name, Act.ACCEPTED, "Bia", said)])
    drilled(reports, "20261122T000000Z-000002", {"one": "refuted"})
    drilled(reports, "20261123T000000Z-000003", {"one": "proven", "two": "refuted"})
    return reports


def found(reports):
    return [one for one in verify_folder(reports, Trust()).findings if one.reason is Reason.LEDGER]


def lines(reports):
    return (reports / LEDGER).read_bytes().splitlines(keepends=True)


def test_a_ledger_that_nobody_touched_agrees(reports):
    assert [entry.act for entry in read_ledger(reports).entries] == [
        *(Act.OPENED, Act.ACCEPTED, Act.SEEN),
        *(Act.CLOSED, Act.OPENED),
    ]
    assert verify_folder(reports, Trust()).findings == []


@pytest.mark.parametrize("kept", range(5))
def test_wherever_it_is_cut_off_is_found(reports, kept):
    (reports / LEDGER).write_bytes(b"".join(lines(reports)[:kept]))
    assert found(reports)


def test_a_ledger_that_is_gone_is_found(reports):
    (reports / LEDGER).unlink()
    assert found(reports)


def test_an_altered_line_is_found(reports):
    (reports / LEDGER).write_bytes(b"".join(lines(reports)).replace(b"2030-01-01", b"2031-01-01"))
    assert found(reports)


def test_a_ledger_written_anew_without_what_was_accepted_is_found(reports):
    entries = [one for one in read_ledger(reports).entries if one.act is not Act.ACCEPTED]
    (reports / LEDGER).unlink()
    add(reports, lambda _: entries)
    assert len(read_ledger(reports).entries) == 4
    assert found(reports)


def test_runs_at_the_same_time_find_each_other_s_lines_and_are_no_false_alarm(tmp_path):
    """The second began before the first had ended; both refute, and both close."""
    reports = tmp_path / "reports"
    for outcome, names in (("refuted", ("a", "b")), ("proven", ("c", "d"))):
        runs = [drilled(reports, name, {"one": outcome}, seal=False) for name in names]
        for run in reversed(runs):
            from rollproof.model.seal import Seal
            from rollproof.seal.closing import close_run

            close_run(run, Seal(operator="ana"), root=reports)
    assert found(reports) == []
