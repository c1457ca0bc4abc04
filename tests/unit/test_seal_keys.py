"""Keys of every kind that seals and signs, and what securesystemslib and OpenSSH say of the result."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from seal_support import new_key, reasons, sealed_run, trusting, write_run
from securesystemslib.dsse import Envelope as Dsse
from securesystemslib.signer import SSlibKey

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.model.seal import Seal
from rollproof.seal import sshsig
from rollproof.seal.closing import close_run
from rollproof.seal.envelope import Envelope
from rollproof.seal.keys import PASSPHRASE, public_keys, signer_of
from rollproof.seal.layout import SEAL
from rollproof.seal.result import Reason, Result, Trust
from rollproof.seal.signoff import sign_off
from rollproof.seal.verifying import verify_bundle

PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
PLAIN = serialization.NoEncryption()


def written(folder, private, form, how=PLAIN):
    (folder / "key").write_bytes(private.private_bytes(PEM, form, how))
    (folder / "key.pub").write_bytes(private.public_key().public_bytes(PEM, SPKI))
    return folder / "key"


@pytest.mark.parametrize(
    "make", [ed25519.Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1())]
)
@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH])
def test_a_run_is_sealed_by_keys_as_pem_and_as_openssh_writes_them(tmp_path, make, form):
    key = written(tmp_path, make(), form)
    folder = sealed_run(tmp_path / "reports", "run", key=key)
    found = verify_bundle(folder, trusting(key))
    assert (found.result, found.findings) == (Result.VERIFIED, [])


def test_securesystemslib_verifies_what_was_sealed(tmp_path):
    key = new_key(tmp_path)
    folder = sealed_run(tmp_path / "reports", "run", key=key)
    [known] = public_keys([tmp_path / "seal.pub"])
    envelope = Dsse.from_dict(json.loads((folder / SEAL).read_bytes()))
    assert envelope.verify([SSlibKey.from_crypto(known.public, keyid=known.keyid)], 1)


def test_a_key_is_called_by_the_digest_that_openssl_works_out(tmp_path):
    new_key(tmp_path)
    command = ["openssl", "pkey", "-pubin", "-in", str(tmp_path / "seal.pub"), "-outform", "DER"]
    der = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    assert public_keys([tmp_path / "seal.pub"])[0].keyid == hashlib.sha256(der).hexdigest()


def test_a_key_with_a_passphrase_needs_it(tmp_path, monkeypatch):
    private = ed25519.Ed25519PrivateKey.generate()
    how = serialization.BestAvailableEncryption(b"open sesame")
    key = written(tmp_path, private, serialization.PrivateFormat.PKCS8, how)
    with pytest.raises(BadInput, match="passphrase"):
        signer_of(str(key), root=tmp_path)
    monkeypatch.setenv(PASSPHRASE, "open sesame")
    assert signer_of(str(key), root=tmp_path)


def test_a_key_may_be_in_a_variable(tmp_path, monkeypatch):
    key = new_key(tmp_path)
    monkeypatch.setenv("SEAL_KEY", key.read_text())
    folder = write_run(tmp_path / "reports", "run")
    close_run(folder, Seal(key="env:SEAL_KEY"), root=tmp_path)
    assert verify_bundle(folder, trusting(key)).result is Result.VERIFIED


def test_no_key_is_made_up_on_the_way(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        signer_of("missing", root=tmp_path)
    with pytest.raises(BadInput, match="holds no key"):
        signer_of("env:NOT_SET_ANYWHERE", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_another_kind_is_refused_with_what_to_use(tmp_path):
    key = written(tmp_path, rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.PKCS8)
    with pytest.raises(BadInput, match="kind"):
        signer_of(str(key), root=tmp_path)
    with pytest.raises(BadInput, match="kind"):
        public_keys([tmp_path / "key.pub"])


def test_a_private_key_is_not_taken_for_a_public_one(tmp_path):
    key = new_key(tmp_path)
    with pytest.raises(BadInput, match="private"):
        public_keys([key])


def test_a_key_is_never_made_over_an_old_one_and_is_its_owner_s_alone(tmp_path):
    key = new_key(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="there already"):
        new_key(tmp_path)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An ssh-agent that alone holds a key; the path of the public part."""
    ssh = tmp_path / "ssh"
    ssh.mkdir()
    _named()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / "id"))
    said = run("ssh-agent", "-a", str(ssh / "socket"))
    pid = int(re.search(r"SSH_AGENT_PID=(\d+)", said).group(1))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(ssh / "socket"))
    run("ssh-add", "-q", str(ssh / "id"))
    (ssh / "id").unlink()
    yield ssh / "id.pub"
    os.kill(pid, 15)


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="OpenSSH is not installed")
def test_a_reviewer_signs_with_a_key_that_only_the_agent_holds(tmp_path, agent):
    key = new_key(tmp_path)
    folder = sealed_run(tmp_path / "reports", "run", key=key)
    path = sign_off(folder, signer_of(f"agent:{agent}", root=tmp_path), by="Bia")
    found = verify_bundle(folder, Trust(keys=public_keys([tmp_path / "seal.pub", agent])))
    assert (found.result, found.findings) == (Result.VERIFIED, [])
    assert found.signoffs[0]["key_given"]
    payload = Envelope.from_bytes(path.read_bytes())
    signer, signature = payload.signatures[0]
    spoilt = Envelope(payload.payload, ((signer, signature[:-1] + bytes([signature[-1] ^ 1])),))
    path.write_bytes(spoilt.to_bytes())
    assert reasons(verify_bundle(folder, Trust(keys=public_keys([agent, tmp_path / "seal.pub"])))) == {
        Reason.SIGN_OFF
    }


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="OpenSSH is not installed")
def test_an_agent_that_does_not_hold_the_key_is_an_error_that_says_so(tmp_path, agent):
    run("ssh-add", "-q", "-D")
    with pytest.raises(EnvironmentUnavailable, match="did not sign"):
        signer_of(f"agent:{agent}", root=tmp_path).sign(b"anything")


@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_an_ssh_signature_by_accident(body):
    with pytest.raises(ValueError, match="SSH"):
        sshsig.parts(sshsig.MAGIC + body, b"data")


def test_an_ssh_signature_for_another_purpose_is_none(tmp_path):
    _named()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True, timeout=30
    )
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(tmp_path / "id")]
    said = subprocess.run(command, input=b"data", capture_output=True, check=True, timeout=30).stdout
    [key] = public_keys([tmp_path / "id.pub"])
    assert not key.verifies(sshsig.unarmoured(said), b"data")


def test_the_keys_of_a_folder_and_of_allowed_signers_are_all_read(tmp_path):
    new_key(tmp_path, "one")
    new_key(tmp_path, "two")
    assert len(public_keys([tmp_path])) == 2
    raw = (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )
    (tmp_path / "allowed").write_bytes(b'# who\nana@clinica namespaces="rollproof" ' + raw + b" of Ana\n")
    assert len(public_keys([tmp_path / "allowed"])) == 1


@pytest.mark.parametrize("text", ["", "!", "AAA", "AA==\n", "AB=="])
def test_base64_is_taken_only_as_it_is_written(tmp_path, text):
    body = json.dumps({"payload": text, "payloadType": "application/vnd.in-toto+json", "signatures": []})
    body = body.replace(" ", "").encode() + b"\n"
    if text in ("", "AA=="):
        assert Envelope.from_bytes(body).payload == base64.b64decode(text)
        return
    with pytest.raises(ValueError):  # noqa: PT011  whichever of the two it is
        Envelope.from_bytes(body)


def _named() -> None:
    """OpenSSH's programs refuse to work for a user that the machine has no name for."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        pytest.skip("ssh-keygen works for users with a name only")
