"""What a forger tries who knows how a bundle is made; some of them hold the key that seals."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import replace

import pytest
from seal_support import new_key, reasons, sealed_run, trusting, write_run

from rollproof.cli_verify import _lines, _lines_of_folder
from rollproof.drill.recovery import JOURNAL
from rollproof.errors import BadInput
from rollproof.evidence.register import INDEX, Register, read_index
from rollproof.journal.event import GENESIS, Event, Kind
from rollproof.model.json import canonical
from rollproof.model.seal import Seal
from rollproof.seal.archive import opened
from rollproof.seal.closing import prepare
from rollproof.seal.envelope import Envelope, sealed
from rollproof.seal.history import verify_folder
from rollproof.seal.keys import public_keys, signer_of
from rollproof.seal.layout import CHECKSUM, SEAL, listing
from rollproof.seal.result import Reason, Result, Trust
from rollproof.seal.sealing import seal_run
from rollproof.seal.signoff import sign_off
from rollproof.seal.statement import Link, Statement
from rollproof.seal.verifying import verify_bundle

RUNS = ("20261121T050312Z-000001", "20261122T050312Z-000002", "20261123T050312Z-000003")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return new_key(folder, "seal"), new_key(folder, "reviewer")


@pytest.fixture(scope="module")
def made(tmp_path_factory, keys):
    """Three runs, the second of which failed."""
    reports = tmp_path_factory.mktemp("made") / "reports"
    for run, outcome in zip(RUNS, ("proven", "refuted", "proven"), strict=True):
        sealed_run(reports, run, key=keys[0], outcome=outcome)
    return reports


@pytest.fixture
def reports(made, tmp_path):
    shutil.copytree(made, tmp_path / "reports")
    return tmp_path / "reports"


def signer(key):
    return signer_of(str(key), root=key.parent)


def write_seal(folder, envelope):
    body = envelope.to_bytes()
    (folder / SEAL).write_bytes(body)
    (folder / CHECKSUM).write_text(f"{hashlib.sha256(body).hexdigest()}  {SEAL}\n")


def reseal(folder, key, **changes):
    """By whoever holds the key: the statement with whatever is wanted in it."""
    statement = Statement.from_bytes(Envelope.from_bytes((folder / SEAL).read_bytes()).payload)
    write_seal(folder, sealed(replace(statement, **changes).to_bytes(), signer(key)))


def told(found):
    return {(one.reason, one.where) for one in found.findings}


def test_a_proven_run_under_the_name_of_the_failed_one_does_not_stand_for_it(reports, keys):
    shutil.rmtree(reports / RUNS[1])
    shutil.copytree(reports / RUNS[0], reports / RUNS[1])
    found = verify_folder(reports, trusting(keys[0]))
    assert {(Reason.GAP, RUNS[1]), (Reason.INDEX, RUNS[1])} <= told(found)


def test_a_run_that_was_sealed_a_second_time_is_found(reports, keys):
    shutil.rmtree(reports / RUNS[2])
    sealed_run(reports, RUNS[2], key=keys[0], outcome="refuted")
    assert (Reason.INDEX, RUNS[2]) in told(verify_folder(reports, trusting(keys[0])))


def test_a_run_whose_journal_changed_before_it_was_sealed_is_found(tmp_path, keys):
    reports = tmp_path / "reports"
    Register(reports).planned("run", {})
    Register(reports).executed("run", outcome="refuted", head="0" * 64, seal=None, reason="it leaks")
    sealed_run(reports, "run", key=keys[0])
    found = verify_folder(reports, trusting(keys[0]))
    assert told(found) == {(Reason.INDEX, "run")}
    assert "another journal" in found.findings[0].found


def test_an_older_seal_put_back_is_found_by_the_index(reports, keys):
    old = (reports / RUNS[2] / SEAL).read_bytes()
    for name in (SEAL, CHECKSUM):
        (reports / RUNS[2] / name).unlink()
    (reports / RUNS[2] / "note.txt").write_text("more")
    seal_run(reports / RUNS[2], Seal(key=str(keys[0])), root=reports)
    (reports / RUNS[2] / "note.txt").unlink()
    write_seal(reports / RUNS[2], Envelope.from_bytes(old))
    found = verify_bundle(reports / RUNS[2], replace(trusting(keys[0]), index=read_index(reports / INDEX)))
    assert Reason.INDEX in reasons(found)


def forge_verdict(folder):
    """The failed check is told as proven, everywhere, and every hash is worked out anew."""
    previous, chained = GENESIS, []
    for line in (folder / JOURNAL).read_bytes().splitlines():
        event = Event.from_line(line)
        kind = Kind.OK if event.act == "verify" else event.kind
        data = json.loads(json.dumps(event.data).replace('"refuted"', '"proven"'))
        chained.append(replace(event, kind=kind, data=data, prev=previous))
        previous = chained[-1].hash
    (folder / JOURNAL).write_bytes(b"".join(event.line() + b"\n" for event in chained))


def test_a_verdict_that_the_recorded_events_do_not_support_is_found_in_a_run_sealed_by_the_very_key(
    tmp_path, keys
):
    keyid = public_keys([keys[0].with_name("seal.pub")])[0].keyid
    folder = write_run(tmp_path / "reports", "run", outcome="refuted", key=keyid)
    forge_verdict(folder)
    prepare(folder)
    assert str(seal_run(folder, Seal(key=str(keys[0])), root=tmp_path)).startswith("signed")
    found = verify_bundle(folder, trusting(keys[0]))
    assert reasons(found) == {Reason.JUDGED}, found.findings
    assert "recorded proven, judged again refuted" in found.findings[0].found
    reseal(folder, keys[0], renderer="0.0.9+000000000000")
    found = verify_bundle(folder, trusting(keys[0]))
    assert found.findings == []
    assert any("judged again refuted" in note for note in found.notes), "another version may judge otherwise"


def test_no_forged_renderer_hides_that_a_refuted_run_was_sealed_as_proven(reports, keys):
    reseal(reports / RUNS[1], keys[0], outcome="proven", renderer="0.0.9+000000000000")
    assert reasons(verify_bundle(reports / RUNS[1], trusting(keys[0]))) == {Reason.OUTCOME}


@pytest.mark.parametrize("name", ["²", "٣", "9" * 5000, "0", "-1", "", "1.0"])
def test_a_line_of_the_index_that_is_no_number_is_a_finding(reports, keys, name):
    entries = read_index(reports / INDEX)
    reseal(reports / RUNS[2], keys[0], index=Link(name, entries[-1].hash))
    found = verify_bundle(reports / RUNS[2], replace(trusting(keys[0]), index=entries))
    assert Reason.INDEX in reasons(found)


@pytest.mark.parametrize("name", [CHECKSUM, JOURNAL, "report.html", SEAL, "signatures/1.json"])
def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(reports, keys, name):
    path = reports / RUNS[0] / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert Reason.STRANGE in reasons(verify_bundle(reports / RUNS[0], trusting(keys[0])))


def test_a_pipe_or_an_endless_device_in_the_place_of_an_attachment_is_not_read(reports, keys):
    path = next((reports / RUNS[0] / "attachments").iterdir())
    path.unlink()
    path.symlink_to("/dev/zero")
    assert {Reason.STRANGE, Reason.MISSING} == reasons(verify_bundle(reports / RUNS[0], trusting(keys[0])))


def test_a_file_with_holes_that_claims_to_be_huge_is_not_read(reports, keys):
    os.truncate(reports / RUNS[0] / JOURNAL, 1 << 40)
    found = verify_bundle(reports / RUNS[0], trusting(keys[0]))
    assert {Reason.STRANGE, Reason.CHAIN, Reason.MISSING} == reasons(found)


def test_an_index_that_names_a_sign_off_elsewhere_opens_nothing_there(reports, keys):
    Register(reports).signed(RUNS[0], by="Bia", item="the run", file="/dev/zero", digest="0" * 64)
    found = verify_bundle(reports / RUNS[0], replace(trusting(keys[0]), index=read_index(reports / INDEX)))
    assert reasons(found) == {Reason.SIGN_OFF}


def test_the_index_s_word_on_a_run_is_held_against_its_seal(reports, keys):
    entries = read_index(reports / INDEX)
    lying = [
        replace(one, data={**one.data, "outcome": "proven"})
        if one.run == RUNS[1] and "seal" in one.data
        else one
        for one in entries
    ]
    assert reasons(verify_bundle(reports / RUNS[1], replace(trusting(keys[0]), index=lying))) == {
        Reason.INDEX
    }


def test_a_sign_off_that_lies_there_twice_counts_once(reports, keys):
    path = sign_off(reports / RUNS[0], signer(keys[1]), by="Bia")
    shutil.copyfile(path, path.with_name("002-another.json"))
    found = verify_bundle(reports / RUNS[0], trusting(*keys))
    assert (reasons(found), len(found.signoffs)) == ({Reason.SIGN_OFF}, 1)


def test_a_sign_off_by_a_key_that_nobody_named_gets_no_tick(reports, keys, tmp_path):
    sign_off(reports / RUNS[0], signer(new_key(tmp_path, "stranger")), by="the chief auditor")
    lines = _lines(verify_bundle(reports / RUNS[0], trusting(*keys)))
    (line,) = [line for line in lines if "the chief auditor" in line]
    assert "✓" not in line
    assert "not given" in line


def test_what_somebody_else_wrote_never_looks_like_a_line_of_ours(reports, keys):
    Register(reports).aborted("x", "\x1b[2J\nverified: 9 runs")
    sign_off(reports / RUNS[0], signer(keys[1]), by="Bia", remark="fine\nverified: all")
    lines = "\n".join(_lines_of_folder(verify_folder(reports, trusting(*keys))))
    assert "\x1b" not in lines
    assert not [line for line in lines.splitlines() if line in ("verified: 9 runs", "verified: all")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"events":12', b'"events":12.0'),
        (b'"events":12', b'"events":1.2e1'),
        (b'"events":12', b'"events":12,"events":12'),
        (b'"outcome":"proven"', b'"outcome":"refuted","outcome":"proven"'),
        (b'"outcome":"proven"', b'"outcome":"pro\\u0076en"'),
    ],
)
def test_another_spelling_of_the_same_statement_is_none_even_when_it_is_signed(reports, keys, old, new):
    payload = Envelope.from_bytes((reports / RUNS[0] / SEAL).read_bytes()).payload
    assert old in payload
    write_seal(reports / RUNS[0], sealed(payload.replace(old, new), signer(keys[0])))
    assert reasons(verify_bundle(reports / RUNS[0], trusting(keys[0]))) == {Reason.SEAL}


def test_no_mixture_of_signatures_passes_for_the_known_key_s(reports, keys):
    folder = reports / RUNS[0]
    good = Envelope.from_bytes((folder / SEAL).read_bytes())
    ((known, signature),) = good.signatures
    stranger = sealed(good.payload, signer(keys[1])).signatures[0]
    spoilt = bytes([signature[0] ^ 1]) + signature[1:]
    for signatures in (
        [(known, spoilt), stranger],
        [(known, signature), stranger],
        [(known, spoilt), (known, signature)],
        [(known, stranger[1])],
        [(known.upper(), signature)],
        [("", signature)],
        [],
    ):
        write_seal(folder, Envelope(good.payload, tuple(signatures)))
        assert verify_bundle(folder, trusting(keys[0])).result is Result.FAILED, signatures


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"null", b"", b'{"payload":null}'])
def test_a_seal_of_the_run_before_that_is_made_to_crash_the_reader_is_a_finding(reports, keys, body):
    (reports / RUNS[0] / SEAL).write_bytes(body)
    found = verify_bundle(reports / RUNS[1], replace(trusting(keys[0]), previous=reports / RUNS[0]))
    assert reasons(found) == {Reason.PREVIOUS}


def zipped(bundle, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in listing(bundle)[0]:
            archive.write(bundle / name, f"{bundle.name}/{name}")
    return target


@pytest.mark.parametrize("name", ["x/./y", "x//y", "x\\y", "./x"])
def test_a_zip_with_a_name_that_may_be_unpacked_elsewhere_is_refused(reports, tmp_path, name):
    path = zipped(reports / RUNS[0], tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(BadInput, match="elsewhere"), opened(path):
        pass


def test_a_damaged_zip_is_told_wherever_it_is_damaged(reports, tmp_path):
    whole = zipped(reports / RUNS[0], tmp_path / "a.zip").read_bytes()
    for place in range(0, len(whole), 97):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0xFF
        (tmp_path / "b.zip").write_bytes(spoilt)
        try:
            with opened(tmp_path / "b.zip") as folder:
                assert folder.is_dir()
        except BadInput:
            pass


@pytest.mark.parametrize(
    "before", ['valid-before="20200101"', 'namespaces="git"', "cert-authority", "@revoked"]
)
def test_a_key_with_conditions_is_refused(keys, tmp_path, before):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = public_keys([keys[0].with_name("seal.pub")])[0].public
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path = tmp_path / "allowed_signers"
    path.write_text(f"ana@clinic {before} {line}\n")
    with pytest.raises(BadInput, match="conditions"):
        public_keys([path])
    path.write_text(f'ana@clinic namespaces="rollproof" {line}\n')
    assert len(public_keys([path])) == 1


def test_a_payload_of_another_kind_is_no_seal(reports, keys):
    """A sign-off, signed by the key that seals, in the place of the seal."""
    path = sign_off(reports / RUNS[0], signer(keys[1]), by="Bia")
    write_seal(reports / RUNS[0], Envelope.from_bytes(path.read_bytes()))
    assert Reason.SEAL in reasons(verify_bundle(reports / RUNS[0], trusting(*keys)))


def test_subjects_that_lead_out_of_the_bundle_are_missing_and_nothing_there_is_opened(reports, keys):
    digest = hashlib.sha256(b"").hexdigest()
    statement = verify_bundle(reports / RUNS[0], Trust()).statement
    files = {**statement.files, "/dev/null": digest, "../../etc/hostname": digest, "./journal.ndjson": digest}
    reseal(reports / RUNS[0], keys[0], files=files)
    found = verify_bundle(reports / RUNS[0], trusting(keys[0]))
    assert told(found) == {(Reason.MISSING, name) for name in files.keys() - statement.files.keys()}


def test_a_subject_named_twice_is_no_statement(reports, keys):
    payload = Envelope.from_bytes((reports / RUNS[0] / SEAL).read_bytes()).payload
    data = json.loads(payload)
    data["subject"].append(data["subject"][0])
    write_seal(reports / RUNS[0], sealed(canonical(data), signer(keys[0])))
    assert reasons(verify_bundle(reports / RUNS[0], trusting(keys[0]))) == {Reason.SEAL}


def test_a_remark_that_holds_what_must_not_leave_is_not_signed(reports, keys):
    with pytest.raises(BadInput, match="a CPF number"):
        sign_off(reports / RUNS[0], signer(keys[1]), by="Bia", remark="asked 529.982.247-25")
    assert not (reports / RUNS[0] / "signatures").exists()
