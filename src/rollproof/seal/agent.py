"""Signing with a key that an ssh-agent (or a hardware token behind it) holds, through OpenSSH itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import Signature, Signer

from rollproof.errors import EnvironmentUnavailable
from rollproof.seal import sshsig

if TYPE_CHECKING:
    from securesystemslib.signer import Key as SslibKey
    from securesystemslib.signer import SecretsHandler

    from rollproof.seal.keys import PublicKey

_SECONDS = 60.0
"""for a person to touch a token, or to type a passphrase"""


class AgentSigner(Signer):
    """Signs with `ssh-keygen -Y sign`, which asks the agent for the private part."""

    def __init__(self, path: Path, key: PublicKey) -> None:
        self.path, self.key = path, key

    @property
    def public_key(self) -> Any:
        return self.key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: SslibKey, secrets_handler: SecretsHandler | None = None
    ) -> AgentSigner:
        raise NotImplementedError("see rollproof.seal.keys.signer_of")

    def sign(self, payload: bytes) -> Signature:
        """Raises EnvironmentUnavailable when there is no agent, or it does not hold the key."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", sshsig.NAMESPACE.decode(), "-f", str(self.path)]
        try:
            done = subprocess.run(command, input=payload, capture_output=True, timeout=_SECONDS, check=True)
            blob = sshsig.unarmoured(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            said = getattr(error, "stderr", b"") or b""
            raise EnvironmentUnavailable(
                f"ssh-keygen did not sign ({said.decode(errors='replace').strip() or type(error).__name__})",
                where=str(self.path),
                remedy="see with `ssh-add -l` whether the agent holds the key; it takes OpenSSH 8.1",
            ) from error
        return Signature(self.key.keyid, blob.hex())
