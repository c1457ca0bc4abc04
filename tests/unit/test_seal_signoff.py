"""A second person signs by a second key, and nothing else passes for it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from seal_support import new_key, reasons, sealed_run, tampered, trusting, write_run

from rollproof.errors import BadInput
from rollproof.evidence.register import INDEX, read_index
from rollproof.seal.envelope import Envelope, sealed
from rollproof.seal.keys import signer_of, signing_key
from rollproof.seal.result import Reason, Result
from rollproof.seal.signoff import SignOff, sign_off
from rollproof.seal.verifying import verify_bundle


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return new_key(folder, "seal"), new_key(folder, "reviewer")


@pytest.fixture
def run(tmp_path, keys):
    return sealed_run(tmp_path / "reports", "run", key=keys[0])


def signer(key):
    return signer_of(str(key), root=key.parent)


def test_a_reviewer_signs_the_run_and_the_seal_stays_whole(run, keys):
    sign_off(run, signer(keys[1]), by="Bia Souza", remark="seen")
    found = verify_bundle(run, trusting(*keys))
    assert (found.result, found.findings) == (Result.VERIFIED, [])
    assert [(one["by"], one["item"], one["key_given"]) for one in found.signoffs] == [
        ("Bia Souza", "the run", True)
    ]


def test_an_item_of_the_checklist_is_signed_by_its_name(run, keys):
    path = sign_off(run, signer(keys[1]), by="Bia", item="after.rows")
    assert path.name == "001-bia.json"
    assert verify_bundle(run, trusting(*keys)).signoffs[0]["item"] == "after.rows"
    with pytest.raises(BadInput, match="no item"):
        sign_off(run, signer(keys[1]), by="Bia", item="after.nothing")


@pytest.mark.parametrize("by", ["ana", "Ana", " ANA ", "ａｎａ"])
def test_the_operator_is_no_reviewer_however_the_name_is_written(run, keys, by):
    with pytest.raises(BadInput, match="ran this drill"):
        sign_off(run, signer(keys[1]), by=by)


def test_the_key_of_the_seal_is_no_second_key(run, keys):
    with pytest.raises(BadInput, match="this very key"):
        sign_off(run, signer(keys[0]), by="Bia")


def test_a_run_that_is_not_sealed_cannot_be_signed(tmp_path, keys):
    with pytest.raises(BadInput, match="not sealed"):
        sign_off(write_run(tmp_path, "run"), signer(keys[1]), by="Bia")


def test_a_reviewer_whose_key_was_not_given_is_told_as_such(run, keys):
    sign_off(run, signer(keys[1]), by="Bia")
    found = verify_bundle(run, trusting(keys[0]))
    assert found.result is Result.VERIFIED
    assert found.signoffs[0]["key_given"] is False


def forged(run, key, **changes):
    """A sign-off that this code would not make, by whoever holds the key."""
    good = SignOff(
        verify_bundle(run, trusting()).digest,
        "Bia",
        "the run",
        "",
        "2026-11-22T00:00:00Z",
        signing_key(signer(key)),
    )
    return sealed(replace(good, **changes).to_bytes(), signer(key)).to_bytes()


@pytest.mark.parametrize("changes", [{"by": "Ana"}, {"seal": "0" * 64}])
def test_what_could_not_be_signed_here_is_found_when_it_was_signed_elsewhere(run, keys, changes):
    (run / "signatures").mkdir()
    (run / "signatures" / "001-x.json").write_bytes(forged(run, keys[1], **changes))
    found = verify_bundle(run, trusting(*keys))
    assert (found.result, reasons(found)) == (Result.FAILED, {Reason.SIGN_OFF})


def change_the_remark(copy):
    path = next((copy / "signatures").iterdir())
    envelope = Envelope.from_bytes(path.read_bytes())
    other = replace(SignOff.from_bytes(envelope.payload), remark="seen and approved")
    path.write_bytes(replace(envelope, payload=other.to_bytes()).to_bytes())


def drop_its_signature(copy):
    path = next((copy / "signatures").iterdir())
    path.write_bytes(replace(Envelope.from_bytes(path.read_bytes()), signatures=()).to_bytes())


def add_another_file(copy):
    (copy / "signatures" / "note.txt").write_text("approved")


def flip_a_byte(copy):
    path = next((copy / "signatures").iterdir())
    body = bytearray(path.read_bytes())
    body[40] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize("tamper", [change_the_remark, drop_its_signature, add_another_file, flip_a_byte])
def test_an_altered_sign_off_is_found(run, keys, tmp_path, tamper):
    sign_off(run, signer(keys[1]), by="Bia")
    found = tampered(run, tmp_path / "copy", tamper, trusting(*keys))
    assert reasons(found) == {Reason.SIGN_OFF}
    assert reasons(tampered(run, tmp_path / "again", tamper, trusting(keys[0]))) == {Reason.SIGN_OFF}


def test_a_sign_off_that_was_taken_away_is_missed_by_the_index(run, keys):
    path = sign_off(run, signer(keys[1]), by="Bia")
    path.unlink()
    trust = trusting(*keys)
    assert verify_bundle(run, trust).findings == []
    found = verify_bundle(run, replace(trust, index=read_index(run.parent / INDEX)))
    assert reasons(found) == {Reason.SIGN_OFF}


def test_a_sign_off_of_another_run_does_not_count(run, keys, tmp_path):
    other = sealed_run(tmp_path / "reports", "run-2", key=keys[0])
    sign_off(other, signer(keys[1]), by="Bia")
    shutil.copytree(other / "signatures", run / "signatures")
    assert reasons(verify_bundle(run, trusting(*keys))) == {Reason.SIGN_OFF}


def test_names_of_any_script_are_kept_in_the_sign_off_and_out_of_the_file_name(run, keys):
    path = sign_off(run, signer(keys[1]), by="Ação Ñandú 张伟")
    assert path.name.isascii()
    assert verify_bundle(run, trusting(*keys)).signoffs[0]["by"] == "Ação Ñandú 张伟"
    assert json.loads(path.read_bytes())["payloadType"] == "application/vnd.in-toto+json"
