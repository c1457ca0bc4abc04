"""Servers on 127.0.0.1 that keep what they are sent: of HTTP, and of mail."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Received:
    """What came, in order; `status` is what the next is answered."""

    url: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)


@contextmanager
def http_receiver() -> Iterator[Received]:
    """An HTTP server that takes POST and PUT."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            received.bodies.append(gzip.decompress(body) if zipped else body)
            received.paths.append(self.path)
            received.types.append(str(self.headers.get("Content-Type")))
            self.send_response(received.status)
            self.end_headers()

        do_PUT = do_POST  # noqa: N815  # http.server's own naming

        def log_message(self, *args: object) -> None:
            """Nothing: what came is kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Keeping:
    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.letters.append(envelope.content.decode())
        return "250 OK"


class _OnAnyPort(Controller):
    """Asks itself for a greeting at the port that the system has chosen."""

    def _trigger_server(self) -> None:
        [socket] = self.server.sockets  # type: ignore[union-attr]  # it has started
        self.port = socket.getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_receiver(password: str = "", tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """A mail server and its letters; with a password, nobody else may send, and only over TLS."""

    def known(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == password.encode(), handled=False)

    keeping = _Keeping()
    controller = _OnAnyPort(
        keeping,
        hostname="127.0.0.1",
        port=0,
        tls_context=tls,
        authenticator=known,
        auth_required=bool(password),
    )
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}", keeping.letters
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of 127.0.0.1, to be trusted as its own authority, and a server's side of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, path = serialization.Encoding.PEM, folder / "mail.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context
