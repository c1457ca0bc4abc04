"""What is tried by those who may seal or sign: the operator, a reviewer, whoever keeps the folder of runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from fleet_support import run_of
from hypothesis import given, settings
from hypothesis import strategies as st
from seal_support import new_key, reasons, sealed_run, trusting, write_run
from test_seal_forging import RUNS, reseal, signer, told, write_seal
from test_seal_forging import keys as keys  # noqa: PLC0414  a fixture
from test_seal_forging import made as made  # noqa: PLC0414
from test_seal_forging import reports as reports  # noqa: PLC0414
from test_seal_tampering import ANYTHING, places, put

from rollproof.drill.lease import Lease
from rollproof.drill.recovery import JOURNAL
from rollproof.errors import BadInput, JournalError
from rollproof.evidence.register import INDEX, Register, read_index
from rollproof.evidence.standing.ledger import LEDGER
from rollproof.evidence.standing.whole import whole_of
from rollproof.fleet.merge import merge_runs
from rollproof.journal.attachments import Attachments
from rollproof.journal.event import GENESIS, Event
from rollproof.model.seal import Seal
from rollproof.seal.envelope import Envelope, sealed
from rollproof.seal.history import verify_folder
from rollproof.seal.keys import signing_key
from rollproof.seal.layout import SEAL
from rollproof.seal.result import Reason, Result, Trust
from rollproof.seal.sealing import seal_run
from rollproof.seal.signoff import SignOff, sign_off
from rollproof.seal.statement import digest_of_bytes
from rollproof.seal.verifying import verify_bundle


@pytest.fixture(autouse=True)
def _without_pdf(monkeypatch):
    """Most of the time of a verification goes into its PDF."""
    monkeypatch.setattr("rollproof.evidence.write.available", lambda: False)


def test_an_operator_who_seals_under_another_name_to_sign_as_the_reviewer_is_found(reports, keys):
    reseal(reports / RUNS[0], keys[0], operator="Carlos")
    found = verify_bundle(reports / RUNS[0], trusting(keys[0]))
    assert reasons(found) == {Reason.DISAGREES}
    assert "ana" in found.findings[0].found


def test_an_old_run_sealed_again_as_a_new_one_is_found(reports, keys):
    shutil.copytree(reports / RUNS[0], reports / "20261124T050312Z-000004")
    new = reports / "20261124T050312Z-000004"
    reseal(new, keys[0], run=new.name)
    assert reasons(verify_bundle(new, trusting(keys[0]))) == {Reason.DISAGREES}


def test_an_attachment_that_is_not_what_its_name_says_is_found_though_it_was_sealed_so(reports, keys):
    path = next((reports / RUNS[0] / "attachments").iterdir())
    path.write_text("[]")
    statement = verify_bundle(reports / RUNS[0], Trust()).statement
    files = {**statement.files, f"attachments/{path.name}": hashlib.sha256(b"[]").hexdigest()}
    reseal(reports / RUNS[0], keys[0], files=files)
    assert Reason.CHANGED in reasons(verify_bundle(reports / RUNS[0], trusting(keys[0])))


def test_a_merged_run_is_verified_with_its_folder(tmp_path, keys):
    names = ("20261122T060000Z-0aaaaa", "20261122T060001Z-1aaaaa")
    parts = [run_of(tmp_path, name, [f"s{n}"], shard=(n, 2)) for n, name in enumerate(names)]
    folder = merge_runs(parts, tmp_path / "reports")
    seal_run(folder, Seal(key=str(keys[0])), root=tmp_path)
    whole = verify_folder(tmp_path / "reports", trusting(keys[0]))
    assert whole.findings == []
    assert not [note for one in whole.bundles for note in one.notes if "the folder is called" in note]


def sign_as(folder, key, by, *, at="2030-01-01T00:00:00Z"):
    """By a program of the forger's own, which refuses nothing."""
    payload = Envelope.from_bytes((folder / SEAL).read_bytes()).payload
    said = SignOff(digest_of_bytes(payload), by, "the run", "", at, signing_key(signer(key)))
    target = folder / "signatures" / f"{len(list(folder.glob('signatures/*'))) + 1:03}-x.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(sealed(said.to_bytes(), signer(key)).to_bytes())


def test_one_key_does_not_sign_for_two_people(reports, keys):
    sign_off(reports / RUNS[0], signer(keys[1]), by="Bia")
    with pytest.raises(BadInput, match="Bia"):
        sign_off(reports / RUNS[0], signer(keys[1]), by="Carlos")
    sign_off(reports / RUNS[0], signer(keys[1]), by="Bia", item="after.rows")
    sign_as(reports / RUNS[0], keys[1], "Carlos")
    found = verify_bundle(reports / RUNS[0], trusting(*keys))
    assert (reasons(found), len(found.signoffs)) == ({Reason.SIGN_OFF}, 2)


@pytest.mark.parametrize("by", ["an\u200ba", "a\u00adna", "án\u0061", "\u0430na", "", " ", "an\u202ea"])
def test_a_name_that_only_looks_like_another_is_no_second_person_s(reports, keys, by):
    with pytest.raises(BadInput):
        sign_off(reports / RUNS[0], signer(keys[1]), by=by)
    sign_as(reports / RUNS[0], keys[1], by)
    assert reasons(verify_bundle(reports / RUNS[0], trusting(*keys))) == {Reason.SIGN_OFF}


@pytest.mark.parametrize("by", ["Zoë O’Neil", "Анна Каренина", "李雷 (Lei Li)", "山田タロウ", "Σωκράτης"])
def test_people_of_any_script_may_sign(reports, keys, by):
    sign_off(reports / RUNS[0], signer(keys[1]), by=by)
    assert verify_bundle(reports / RUNS[0], trusting(*keys)).result is Result.VERIFIED


@pytest.mark.parametrize("at", ["2001-01-01T00:00:00Z", "yesterday", ""])
def test_a_sign_off_from_before_the_seal_says_so(reports, keys, at):
    sign_as(reports / RUNS[0], keys[1], "Bia", at=at)
    found = verify_bundle(reports / RUNS[0], trusting(*keys))
    assert any("Bia" in note and "clock" in note for note in found.notes)


@pytest.mark.parametrize("at", ["2001-01-01T00:00:00Z", "yesterday"])
def test_a_seal_from_before_the_run_ended_says_so(reports, keys, at):
    reseal(reports / RUNS[0], keys[0], sealed_at=at)
    found = verify_bundle(reports / RUNS[0], trusting(keys[0]))
    assert any("seal" in note and ("clock" in note or "does not say" in note) for note in found.notes)


def test_the_first_of_two_sign_offs_that_was_taken_away_is_missed_without_an_index(reports, keys, tmp_path):
    first = sign_off(reports / RUNS[0], signer(keys[1]), by="Bia", remark="I do not believe this")
    second = sign_off(reports / RUNS[0], signer(new_key(tmp_path, "third")), by="Carlos")
    assert verify_bundle(reports / RUNS[0], trusting(*keys)).findings == []
    first.unlink()
    second.rename(first)
    found = verify_bundle(reports / RUNS[0], trusting(*keys))
    assert reasons(found) == {Reason.SIGN_OFF}
    assert "before" in found.findings[0].found


def test_a_reviewer_s_key_does_not_seal_where_the_two_are_told_apart(reports, keys):
    (reports / RUNS[0] / SEAL).unlink()
    seal_run_again(reports / RUNS[0], keys[1])
    apart = Trust(keys=trusting(keys[0]).keys, reviewers=trusting(keys[1]).keys)
    assert verify_bundle(reports / RUNS[0], trusting(*keys)).result is Result.VERIFIED
    assert reasons(verify_bundle(reports / RUNS[0], apart)) == {Reason.UNKNOWN_KEY}
    assert verify_bundle(reports / RUNS[1], apart).result is Result.VERIFIED


def test_a_key_that_seals_does_not_review_where_the_two_are_told_apart(reports, keys, tmp_path):
    other = new_key(tmp_path, "other")
    sign_off(reports / RUNS[0], signer(other), by="Bia")
    apart = Trust(keys=trusting(keys[0], other).keys, reviewers=trusting(keys[1]).keys)
    assert [one["key_given"] for one in verify_bundle(reports / RUNS[0], apart).signoffs] == [False]


def seal_run_again(folder, key):
    seal_run(folder, Seal(key=str(key)), root=folder)


def test_no_stamp_where_the_checker_brought_a_root_is_found(reports, keys, tmp_path):
    trust = replace(trusting(keys[0]), roots=[tmp_path / "root.pem"])
    assert reasons(verify_bundle(reports / RUNS[0], trust)) == {Reason.TIME_STAMP}


@pytest.mark.parametrize("name", [SEAL, "signatures/001-x.json"])
def test_a_seal_of_a_gigabyte_is_not_read(reports, keys, name):
    path = reports / RUNS[0] / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"[" * (70 << 20))
    assert Reason.STRANGE in reasons(verify_bundle(reports / RUNS[0], trusting(keys[0])))


def test_a_run_that_the_index_never_heard_of_is_found(reports, keys):
    folder = write_run(reports, "20261124T050312Z-000004", outcome="refuted")
    lines = (reports / INDEX).read_bytes().splitlines(keepends=True)
    (reports / INDEX).write_bytes(b"".join(lines[:-1]))
    found = verify_folder(reports, trusting(keys[0]))
    assert told(found) == {(Reason.INDEX, folder.name)}


def test_a_last_line_of_the_index_that_is_cut_short_is_told(reports, keys):
    body = (reports / INDEX).read_bytes()
    (reports / INDEX).write_bytes(body + b'{"at":"2026')
    assert any("cut short" in note for note in verify_folder(reports, trusting(keys[0])).notes)


def test_one_journal_that_stands_for_two_runs_is_found(reports, keys):
    head = Event.from_line((reports / RUNS[0] / JOURNAL).read_bytes().splitlines()[-1]).hash
    Register(reports).executed("another", outcome="proven", head=head, seal=None, reason="lost")
    assert (Reason.INDEX, "another") in told(verify_folder(reports, trusting(keys[0])))


def test_fewer_scenarios_than_were_planned_are_found(tmp_path, keys):
    digest = hashlib.sha256(b"a\nb").hexdigest()
    Register(tmp_path / "reports").planned("run", {"scenarios": 2, "digest": digest})
    folder = write_run(tmp_path / "reports", "run")
    lines, previous = [], GENESIS
    for line in (folder / JOURNAL).read_bytes().splitlines():
        event = replace(Event.from_line(line), prev=previous)
        if event.act == "run.planned":
            event = replace(event, data={"count": 1, "items": ["a"]})
        previous = event.hash
        lines.append(event.line() + b"\n")
    (folder / JOURNAL).write_bytes(b"".join(lines))
    seal_run(folder, Seal(key=str(keys[0])), root=tmp_path)
    found = verify_folder(tmp_path / "reports", trusting(keys[0]))
    assert Reason.INDEX in {one.reason for bundle in found.bundles for one in bundle.findings}


def test_what_was_removed_is_told_with_what_it_had_come_to_and_when(reports, keys):
    shutil.rmtree(reports / RUNS[1])
    Register(reports).expired(RUNS[1], "its time was over")
    [note] = [note for note in verify_folder(reports, trusting(keys[0])).notes if "removed" in note]
    assert "refuted" in note
    assert "0 days" in note


@pytest.fixture
def without_end(reports):
    """Folders in folders, deeper than Python calls; removed by what does not call itself to do so."""
    place = os.open(reports / RUNS[0], os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("a", dir_fd=place)
        inner = os.open("a", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    yield reports / RUNS[0]
    subprocess.run(["rm", "-rf", reports / RUNS[0] / "a"], check=True)


def test_folders_in_folders_without_end_are_no_crash(without_end, keys):
    found = verify_bundle(without_end, trusting(keys[0]))
    assert reasons(found) == {Reason.ADDED}


def test_runs_from_before_there_was_an_index_are_told_and_no_finding(reports, keys):
    shutil.copytree(reports / RUNS[0], reports / "20260101T000000Z-000000")
    (reports / "20260101T000000Z-000000" / SEAL).unlink()
    found = verify_folder(reports, trusting(keys[0]))
    assert found.findings == []
    assert any("older than the index" in note for note in found.notes)


def test_nothing_of_the_last_seal_is_missed(reports, keys):
    write_seal(reports / RUNS[0], Envelope.from_bytes((reports / RUNS[0] / SEAL).read_bytes()))
    entries = read_index(reports / INDEX)
    assert verify_bundle(reports / RUNS[0], replace(trusting(keys[0]), index=entries)).findings == []
    assert sealed_run(reports, "20261125T050312Z-000005", key=keys[0])
    assert verify_folder(reports, trusting(keys[0])).findings == []


def rechained(folder, change):
    """The journal with `change` made to its events, and every hash worked out anew; its head."""
    events = change([Event.from_line(line) for line in (folder / JOURNAL).read_bytes().splitlines()])
    chained, previous = [], GENESIS
    for event in events:
        chained.append(replace(event, prev=previous))
        previous = chained[-1].hash
    (folder / JOURNAL).write_bytes(b"".join(event.line() + b"\n" for event in chained))
    return previous


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_journal_that_says_anything_at_all_is_no_crash_whoever_sealed_it(
    made, keys, tmp_path_factory, data
):
    copy = tmp_path_factory.mktemp("any") / RUNS[0]
    shutil.copytree(made / RUNS[0], copy)

    def change(events):
        said = [dict(event.data) for event in events]
        there = data.draw(st.sampled_from([path for path in places(said) if len(path) > 1]))
        put(said, there, data.draw(ANYTHING))
        return [replace(event, data=one) for event, one in zip(events, said, strict=True)]

    head = rechained(copy, change)
    reseal_journal(copy, keys[0], head)
    found = verify_bundle(copy, replace(trusting(keys[0]), index=read_index(made / INDEX), oscal=findings_of))
    assert found.to_json()


def findings_of(body, history):
    from rollproof.evidence.oscal_references import oscal_findings

    return oscal_findings(body, history)


def reseal_journal(folder, key, head):
    statement = verify_bundle(folder, Trust()).statement
    digest = hashlib.sha256((folder / JOURNAL).read_bytes()).hexdigest()
    reseal(folder, key, head=head, files={**statement.files, JOURNAL: digest})


EARLIER = [b"[" * 100_000, b"null", b"{}", b"\xff", b'{"format":"rollproof-earlier/1"}']


@pytest.mark.parametrize("body", EARLIER, ids=range(len(EARLIER)))
def test_what_was_known_of_earlier_runs_may_be_anything_and_is_no_crash(reports, keys, body):
    name, folder = hashlib.sha256(body).hexdigest(), reports / RUNS[0]
    (folder / "attachments" / f"{name}.json").write_bytes(body)
    head = rechained(
        folder,
        lambda events: [
            replace(event, act="evidence.earlier", data={"history": name})
            if event.act == "run.planned"
            else event
            for event in events
        ],
    )
    reseal_journal(folder, keys[0], head)
    assert verify_bundle(folder, trusting(keys[0])).result is Result.FAILED
    assert verify_folder(reports, trusting(keys[0])).result is Result.FAILED
    assert whole_of(reports).left_out


@pytest.mark.parametrize("name", ["../../x", "/dev/x", "", "0" * 63, "../" * 20 + "a.b."])
def test_an_attachment_is_never_looked_for_elsewhere(tmp_path, name):
    with pytest.raises(JournalError, match="no digest"):
        Attachments(tmp_path).get(name)


def test_a_run_that_is_going_on_is_no_gap(reports, keys, tmp_path):
    folder = write_run(reports, "20261124T050312Z-000004")
    lease = Lease.take(folder)
    try:
        found = verify_folder(reports, trusting(keys[0]))
    finally:
        lease.give_back()
    assert (found.findings, [note for note in found.notes if "going on" in note]) == (
        [],
        ["20261124T050312Z-000004: it is going on"],
    )
    (tmp_path / "precious").write_text("x")
    (folder / ".lease").symlink_to(tmp_path / "precious")
    assert told(verify_folder(reports, trusting(keys[0]))) == {(Reason.GAP, folder.name)}
    assert (tmp_path / "precious").read_text() == "x"


def no_plain_file(path, kind):
    body = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.with_name("elsewhere").write_bytes(body)
        path.symlink_to("elsewhere")
    else:
        path.write_bytes(b"")
        os.truncate(path, 1 << 40)


@pytest.mark.parametrize("kind", ["pipe", "link", "huge"])
@pytest.mark.parametrize("name", [INDEX, LEDGER])
def test_what_lies_beside_bundles_and_is_no_plain_file_is_told_and_not_opened(reports, keys, name, kind):
    no_plain_file(reports / name, kind)
    assert (Reason.STRANGE, name) in told(verify_folder(reports, trusting(keys[0])))


@pytest.mark.parametrize("kind", ["pipe", "link", "huge"])
def test_a_run_before_whose_seal_is_no_plain_file_is_told(reports, keys, kind):
    no_plain_file(reports / RUNS[0] / SEAL, kind)
    found = verify_bundle(reports / RUNS[1], replace(trusting(keys[0]), previous=reports / RUNS[0]))
    assert reasons(found) == {Reason.PREVIOUS}
