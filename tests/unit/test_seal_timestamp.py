"""Time stamps by a real authority: OpenSSL's, behind a small HTTP server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from seal_support import new_key, reasons, trusting, write_run

from rollproof.errors import EnvironmentUnavailable
from rollproof.model.seal import Seal
from rollproof.seal.closing import close_run
from rollproof.seal.layout import SEAL, TIMESTAMP
from rollproof.seal.result import Reason, Result
from rollproof.seal.verifying import verify_bundle

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")

CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Rollproof test authority
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


def openssl(*arguments: str, body: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=body, capture_output=True, check=True, timeout=60
    ).stdout


def make_authority(folder):
    config = folder / "openssl.cnf"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", str(config)]
    root, key = str(folder / "root.pem"), str(folder / "root.key")
    openssl("req", "-x509", *curve, "-extensions", "ca", "-days", "30", "-keyout", key, "-out", root)
    openssl("req", *curve, "-keyout", str(folder / "tsa.key"), "-out", str(folder / "tsa.csr"))
    openssl(
        *("x509", "-req", "-in", str(folder / "tsa.csr"), "-CA", root, "-CAkey", key, "-days", "30"),
        *("-extfile", str(config), "-extensions", "stamp", "-out", str(folder / "tsa.pem")),
    )
    return config


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Address of the authority and its root certificate."""
    folder = tmp_path_factory.mktemp("tsa")
    config = make_authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = folder / "query.tsq"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            arguments = ("ts", "-reply", "-queryfile", str(query), "-config", str(config))
            answer = openssl(*arguments)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder / "root.pem"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def stamped(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("stamped")
    key = new_key(folder)
    run = write_run(folder / "reports", "run")
    close_run(run, Seal(key=str(key), tsa=authority[0]), root=folder)
    return run, replace(trusting(key), roots=(authority[1],))


def test_a_stamp_by_an_authority_that_is_trusted_verifies(stamped):
    run, trust = stamped
    found = verify_bundle(run, trust)
    assert (found.result, found.findings) == (Result.VERIFIED, [])
    assert any("by a trusted authority" in note for note in found.notes)


def test_a_stamp_by_an_authority_that_nobody_named_is_called_so(stamped):
    run, trust = stamped
    found = verify_bundle(run, replace(trust, roots=()))
    assert found.result is Result.VERIFIED
    assert any("was not checked" in note for note in found.notes)


def test_openssl_says_the_same_of_the_stamp(stamped, authority):
    run, _ = stamped
    said = openssl(
        *(
            "ts",
            "-verify",
            "-in",
            str(run / TIMESTAMP),
            "-data",
            str(run / SEAL),
            "-CAfile",
            str(authority[1]),
        )
    )
    assert b"OK" in said


@pytest.mark.parametrize("roots", [True, False])
def test_a_stamp_of_something_else_is_found(stamped, authority, tmp_path, roots):
    run, trust = stamped
    other = write_run(tmp_path / "reports", "other")
    close_run(other, Seal(tsa=authority[0]), root=tmp_path)
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    shutil.copyfile(other / TIMESTAMP, copy / TIMESTAMP)
    found = verify_bundle(copy, trust if roots else replace(trust, roots=()))
    assert reasons(found) == {Reason.TIME_STAMP}


def test_an_altered_stamp_is_found(stamped, tmp_path):
    run, trust = stamped
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    body = bytearray((copy / TIMESTAMP).read_bytes())
    for place in range(60, len(body), 97):
        spoilt = bytearray(body)
        spoilt[place] ^= 0x10
        (copy / TIMESTAMP).write_bytes(spoilt)
        found = verify_bundle(copy, trust)
        assert reasons(found) <= {Reason.TIME_STAMP}


def test_an_authority_that_is_not_there_leaves_the_run_sealed(tmp_path):
    run = write_run(tmp_path / "reports", "run")
    with pytest.raises(EnvironmentUnavailable, match="did not stamp"):
        close_run(run, Seal(tsa="http://127.0.0.1:9/"), root=tmp_path)
    assert verify_bundle(run, trusting()).findings == []
