"""Whatever is done to a sealed bundle is found, and for the right reason."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import seal_support as support
from hypothesis import assume, given
from hypothesis import strategies as st
from seal_support import new_key, reasons, sealed_run, tampered, trusting

from rollproof.errors import BadInput
from rollproof.evidence.register import INDEX, read_index
from rollproof.evidence.write import point_latest
from rollproof.journal import GENESIS
from rollproof.journal.event import Event
from rollproof.model.json import canonical
from rollproof.model.seal import Seal
from rollproof.seal.archive import opened
from rollproof.seal.closing import close_run
from rollproof.seal.history import verify_folder
from rollproof.seal.layout import CHECKSUM, SEAL, listing
from rollproof.seal.result import Reason, Result, Trust
from rollproof.seal.verifying import verify_bundle

RUN = "20261122T050312Z-1f3a9c"
QUICK, ALL = 150, 20_000
JOURNAL = "journal.ndjson"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(keys):
    return new_key(keys)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, key):
    return sealed_run(tmp_path_factory.mktemp("reports"), RUN, key=key)


def test_a_bundle_that_nobody_touched_is_verified_and_nothing_is_found(bundle, key):
    found = verify_bundle(bundle, trusting(key))
    assert (found.result, found.findings) == (Result.VERIFIED, [])
    assert found.signer is not None


def flips(bundle: Path, many: int, seed: int):
    """(file, place, bit), drawn evenly over all bytes of the bundle."""
    names, _ = listing(bundle)
    sizes = [(bundle / name).stat().st_size for name in names]
    drawn = random.Random(seed)  # noqa: S311  # the same bits each time
    for name in drawn.choices(names, sizes, k=many):
        yield name, drawn.randrange((bundle / name).stat().st_size), drawn.randrange(8)


@pytest.fixture
def without_pdf(monkeypatch):
    """Most of the time of a verification goes into its PDF; its flipped bits are found by its digest."""
    monkeypatch.setattr("rollproof.evidence.write.available", lambda: False)


def missed_flips(bundle: Path, scratch: Path, many: int, trust: Trust) -> list[str]:
    copy = scratch / bundle.name
    shutil.copytree(bundle, copy)
    missed = []
    for name, place, bit in flips(bundle, many, seed=7):
        whole = (copy / name).read_bytes()
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << bit
        (copy / name).write_bytes(spoilt)
        found = verify_bundle(copy, trust)
        if found.result is not Result.FAILED or not _right(name, reasons(found)):
            missed.append(f"{name}:{place}:{bit}: {found.findings}")
        (copy / name).write_bytes(whole)
    return missed


def _right(name: str, told: set[Reason]) -> bool:
    if name in (SEAL, CHECKSUM):
        return Reason.SEAL in told
    return Reason.CHANGED in told and (name != JOURNAL or bool(told & {Reason.CHAIN, Reason.HEAD}))


@pytest.mark.usefixtures("without_pdf")
def test_every_flipped_bit_is_found_where_it_is(bundle, key, tmp_path):
    assert missed_flips(bundle, tmp_path, QUICK, trusting(key)) == []


def test_every_flipped_bit_of_an_unsigned_bundle_is_found(tmp_path, without_pdf):
    unsigned = sealed_run(tmp_path / "reports", RUN)
    assert missed_flips(unsigned, tmp_path, QUICK, Trust()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("without_pdf")
def test_twenty_thousand_flipped_bits_are_found(bundle, key, tmp_path):
    assert missed_flips(bundle, tmp_path, ALL, trusting(key)) == []


def lines(copy: Path) -> list[bytes]:
    return (copy / JOURNAL).read_bytes().splitlines()


def write_lines(copy: Path, those: list[bytes]) -> None:
    (copy / JOURNAL).write_bytes(b"".join(line + b"\n" for line in those))


def drop_a_line(copy: Path) -> None:
    write_lines(copy, lines(copy)[:4] + lines(copy)[5:])


def drop_the_last_line(copy: Path) -> None:
    write_lines(copy, lines(copy)[:-1])


def swap_lines(copy: Path) -> None:
    first, second, third, *rest = lines(copy)
    write_lines(copy, [first, third, second, *rest])


def rechain(copy: Path) -> None:
    """A refuted check becomes a proven one, and every hash after it is worked out anew."""
    previous, chained = GENESIS, []
    for line in lines(copy):
        event = replace(Event.from_line(line.replace(b'"rows":12', b'"rows":13')), prev=previous)
        chained.append(event.line())
        previous = event.hash
    write_lines(copy, chained)


def swap_an_attachment(copy: Path) -> None:
    next((copy / "attachments").iterdir()).write_text("[]")


def rename_an_attachment(copy: Path) -> None:
    path = next((copy / "attachments").iterdir())
    path.rename(path.with_name("0" * 64 + ".json"))


def edit_a_report(copy: Path) -> None:
    path = copy / "report.html"
    path.write_text(path.read_text().replace("proven", "PROVEN", 1))


def drop_a_report(copy: Path) -> None:
    (copy / "junit.xml").unlink()


def add_a_file(copy: Path) -> None:
    (copy / "more.txt").write_text("more")


def add_in_a_folder(copy: Path) -> None:
    (copy / "attachments" / "deep").mkdir()
    (copy / "attachments" / "deep" / "more.json").write_text("{}")


def link_a_report(copy: Path) -> None:
    (copy / "report.html").rename(copy.parent / "elsewhere.html")
    (copy / "report.html").symlink_to(copy.parent / "elsewhere.html")


def link_a_folder(copy: Path) -> None:
    (copy / "attachments").rename(copy.parent / "elsewhere")
    (copy / "attachments").symlink_to(copy.parent / "elsewhere", target_is_directory=True)


def look_alike(copy: Path) -> None:
    (copy / unicodedata.normalize("NFKC", "ｊournal.ndjson").replace("j", "ｊ", 1)).write_bytes(b"")


def another_case(copy: Path) -> None:
    (copy / "JOURNAL.NDJSON").write_bytes(b"")


def fill_the_lease(copy: Path) -> None:
    (copy / ".lease").write_text("a place to hide")


def strip_the_signature(copy: Path) -> None:
    data = json.loads((copy / SEAL).read_bytes())
    _write_seal(copy, {**data, "signatures": []})


def name_another_type(copy: Path) -> None:
    data = json.loads((copy / SEAL).read_bytes())
    _write_seal(copy, {**data, "payloadType": "application/json"})


def add_space(copy: Path) -> None:
    body = (copy / SEAL).read_bytes().replace(b'","', b'", "', 1)
    (copy / SEAL).write_bytes(body)
    _write_checksum(copy, body)


def _write_seal(copy: Path, data: dict[str, object]) -> None:
    body = canonical(data) + b"\n"  # type: ignore[arg-type]
    (copy / SEAL).write_bytes(body)
    _write_checksum(copy, body)


def _write_checksum(copy: Path, body: bytes) -> None:
    (copy / CHECKSUM).write_text(f"{hashlib.sha256(body).hexdigest()}  {SEAL}\n")


def drop_the_checksum(copy: Path) -> None:
    (copy / CHECKSUM).unlink()


def drop_the_seal(copy: Path) -> None:
    (copy / SEAL).unlink()


TAMPERS = [
    (drop_a_line, {Reason.CHAIN, Reason.CHANGED}),
    (drop_the_last_line, {Reason.HEAD, Reason.CHANGED, Reason.OUTCOME, Reason.RENDERED}),
    (swap_lines, {Reason.CHAIN, Reason.CHANGED}),
    (rechain, {Reason.HEAD, Reason.CHANGED, Reason.RENDERED}),
    (swap_an_attachment, {Reason.CHANGED}),
    (rename_an_attachment, {Reason.MISSING, Reason.ADDED}),
    (edit_a_report, {Reason.CHANGED, Reason.RENDERED}),
    (drop_a_report, {Reason.MISSING}),
    (add_a_file, {Reason.ADDED}),
    (add_in_a_folder, {Reason.ADDED}),
    (link_a_report, {Reason.STRANGE, Reason.MISSING}),
    (link_a_folder, {Reason.STRANGE, Reason.MISSING}),
    (look_alike, {Reason.STRANGE, Reason.ADDED}),
    (another_case, {Reason.STRANGE, Reason.ADDED}),
    (fill_the_lease, {Reason.ADDED}),
    (strip_the_signature, {Reason.STRIPPED}),
    (name_another_type, {Reason.SEAL}),
    (add_space, {Reason.SEAL}),
    (drop_the_checksum, {Reason.MISSING}),
    (drop_the_seal, {Reason.NOT_SEALED}),
]


@pytest.mark.parametrize(("tamper", "told"), TAMPERS, ids=lambda value: getattr(value, "__name__", ""))
def test_tampering_is_found_for_the_right_reasons(bundle, key, tmp_path, tamper, told):
    found = tampered(bundle, tmp_path, tamper, trusting(key))
    assert found.result is Result.FAILED
    assert reasons(found) == told, found.findings


def test_a_bundle_sealed_anew_with_another_key_is_not_verified(bundle, key, keys, tmp_path):
    forger = new_key(tmp_path, "forger")
    copy = tmp_path / "reports" / bundle.name
    shutil.copytree(bundle, copy)
    rechain(copy)
    (copy / SEAL).unlink()
    (copy / CHECKSUM).unlink()
    close_run(copy, Seal(key=str(forger)), root=tmp_path)
    found = verify_bundle(copy, trusting(key))
    assert (found.result, reasons(found)) == (Result.FAILED, {Reason.UNKNOWN_KEY})
    assert verify_bundle(copy, Trust()).result is Result.UNSIGNED


def test_a_signed_run_that_is_sealed_anew_by_nobody_is_found_by_what_its_journal_said(bundle, tmp_path):
    copy = tmp_path / "reports" / bundle.name
    shutil.copytree(bundle, copy)
    for name in (SEAL, CHECKSUM):
        (copy / name).unlink()
    close_run(copy, Seal(), root=tmp_path)
    found = verify_bundle(copy, Trust())
    assert (found.result, reasons(found)) == (Result.FAILED, {Reason.STRIPPED})


def test_a_signature_under_the_known_key_s_name_does_not_verify(bundle, key, tmp_path):
    def resign(copy: Path) -> None:
        data = json.loads((copy / SEAL).read_bytes())
        data["signatures"][0]["sig"] = "A" * 86 + "=="
        _write_seal(copy, data)

    assert reasons(tampered(bundle, tmp_path, resign, trusting(key))) == {Reason.SIGNATURE}


def test_a_signature_that_nobody_brought_a_key_for_is_intact_and_not_verified(bundle):
    found = verify_bundle(bundle, Trust())
    assert found.result is Result.UNSIGNED
    assert any("was not checked" in note for note in found.notes)


@pytest.fixture
def history(tmp_path, key):
    """Three runs, one after the other; the second one failed."""
    reports = tmp_path / "history"
    for number, outcome in enumerate(("proven", "refuted", "proven"), start=1):
        sealed_run(reports, f"2026112{number}T050312Z-00000{number}", key=key, outcome=outcome)
    point_latest(reports, "20261123T050312Z-000003")
    return reports


def runs(reports: Path) -> list[Path]:
    return sorted(path.parent for path in reports.glob(f"*/{SEAL}") if not path.parent.is_symlink())


def test_a_whole_history_is_verified(history, key):
    found = verify_folder(history, trusting(key))
    assert (found.result, found.findings, len(found.bundles)) == (Result.VERIFIED, [], 3)
    _first, second, third = runs(history)
    trust = replace(trusting(key), previous=second, index=read_index(history / INDEX))
    assert verify_bundle(third, trust).result is Result.VERIFIED


def test_a_failed_run_that_was_deleted_is_missed(history, key):
    failed = runs(history)[1]
    shutil.rmtree(failed)
    found = verify_folder(history, trusting(key))
    assert [(one.reason, one.where) for one in found.findings] == [(Reason.GAP, failed.name)]
    assert "refuted" in found.findings[0].found


def test_a_failed_run_that_was_deleted_with_its_lines_breaks_the_index(history, key):
    failed = runs(history)[1]
    shutil.rmtree(failed)
    index = history / INDEX
    index.write_bytes(
        b"".join(
            line for line in index.read_bytes().splitlines(keepends=True) if failed.name.encode() not in line
        )
    )
    found = verify_folder(history, trusting(key))
    assert Reason.INDEX in {one.reason for one in found.findings}


def test_a_failed_run_that_was_written_out_of_the_index_is_missed_by_the_run_after_it(history, key):
    """The index is written anew, chain and all; the seals still hold what it was."""
    _, failed, newest = runs(history)
    shutil.rmtree(failed)
    kept = [entry for entry in read_index(history / INDEX) if entry.run != failed.name]
    previous, body = GENESIS, b""
    for number, entry in enumerate(kept, start=1):
        raw = {"seq": number, "at": entry.at, "kind": entry.kind.value, "run": entry.run, "data": entry.data}
        line = canonical({**raw, "prev": previous})
        previous = hashlib.sha256(line).hexdigest()
        body += line + b"\n"
    (history / INDEX).write_bytes(body)
    found = verify_folder(history, trusting(key))
    assert {(one.reason, one.where) for one in found.findings} == {(Reason.PREVIOUS, newest.name)}
    assert Reason.INDEX in reasons(found.bundles[-1])


def test_the_newest_run_deleted_with_its_lines_is_missed_by_a_copy_of_its_head(history, key, tmp_path):
    newest = runs(history)[-1]
    anchors = {run.name: verify_bundle(run, Trust()).digest for run in runs(history)}
    shutil.rmtree(newest)
    whole = (history / INDEX).read_bytes().splitlines(keepends=True)
    (history / INDEX).write_bytes(b"".join(line for line in whole if newest.name.encode() not in line))
    assert verify_folder(history, trusting(key)).findings == [], "nothing inside can tell"
    found = verify_folder(history, replace(trusting(key), anchors=anchors))
    assert [(one.reason, one.where) for one in found.findings] == [(Reason.GAP, newest.name)]


def test_a_run_that_was_planned_and_never_ended_is_a_gap(history, key):
    support.write_run(history, "20261124T050312Z-000004")
    found = verify_folder(history, trusting(key))
    assert [(one.reason, one.where) for one in found.findings] == [(Reason.GAP, "20261124T050312Z-000004")]


def test_another_run_put_in_the_place_of_the_one_before_is_found(history, key):
    first, _, newest = runs(history)
    found = verify_bundle(newest, replace(trusting(key), previous=first))
    assert reasons(found) == {Reason.PREVIOUS}


def zipped(bundle: Path, target: Path, *, more: tuple[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name in listing(bundle)[0]:
            archive.write(bundle / name, f"{bundle.name}/{name}")
        if more:
            archive.writestr(*more)
    return target


def test_a_zip_of_a_bundle_is_verified_like_the_bundle(bundle, key, tmp_path):
    with opened(zipped(bundle, tmp_path / "bundle.zip")) as folder:
        assert verify_bundle(folder, trusting(key)).result is Result.VERIFIED
    with opened(zipped(bundle, tmp_path / "more.zip", more=(f"{bundle.name}/x", b""))) as folder:
        assert reasons(verify_bundle(folder, trusting(key))) == {Reason.ADDED}


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_zip_that_leads_out_of_itself_is_refused(bundle, tmp_path, name):
    archive = zipped(bundle, tmp_path / "bundle.zip", more=(name, b""))
    with pytest.raises(BadInput, match="leads out"), opened(archive):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_twice_is_refused(bundle, tmp_path):
    archive = zipped(bundle, tmp_path / "bundle.zip", more=(f"{bundle.name}/{JOURNAL}", b""))
    with pytest.raises(BadInput, match="twice"), opened(archive):
        pass


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def places(value, path=()):
    """Every place in a JSON value, by the keys that lead there."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def put(value, path, item):
    if not path:
        return item
    value[path[0]] = put(value[path[0]], path[1:], item)
    return value


@given(data=st.data())
def test_a_seal_that_holds_anything_at_all_is_a_finding_and_no_crash(bundle, tmp_path_factory, data):
    envelope = json.loads((bundle / SEAL).read_bytes())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    before = canonical(statement)
    there = data.draw(st.sampled_from(list(places(statement))))
    altered = canonical(put(statement, there, data.draw(ANYTHING)))
    assume(altered != before)
    copy = tmp_path_factory.mktemp("any") / bundle.name
    shutil.copytree(bundle, copy)
    _write_seal(copy, {**envelope, "payload": base64.b64encode(altered).decode(), "signatures": []})
    found = verify_bundle(copy, Trust(index=read_index(bundle.parent / INDEX), anchors={bundle.name: "x"}))
    assert found.result is Result.FAILED
    assert found.to_json()
