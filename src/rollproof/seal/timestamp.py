"""A time stamp on a seal by an authority that both sides trust (RFC 3161)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rfc3161_client as tsp
from cryptography import x509

from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.seal.layout import SEAL, TIMESTAMP

_SECONDS = 30.0
_APART = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stamped:
    """When the authority says that the seal was there, UTC; `trusted` when its root was brought along."""

    at: datetime
    trusted: bool


def stamp(folder: Path, tsa: str) -> str:
    """Has the seal of a run stamped. Raises EnvironmentUnavailable when the authority does not."""
    import httpx

    from rollproof.seal.sealing import put

    request = tsp.TimestampRequestBuilder().data((folder / SEAL).read_bytes()).cert_request(cert_request=True)
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = httpx.post(tsa, content=request.build().as_bytes(), headers=headers, timeout=_SECONDS)
        answer.raise_for_status()
        found = tsp.decode_timestamp_response(answer.content)
        if found.status not in (tsp.PKIStatus.GRANTED, tsp.PKIStatus.GRANTED_WITH_MODS):
            raise ValueError(f"refused, status {found.status}")
    except (httpx.HTTPError, ValueError) as error:
        raise EnvironmentUnavailable(
            f"the time-stamp authority did not stamp the seal ({error})",
            where=tsa,
            remedy="the run is sealed; have it stamped later with `rollproof seal RUN`",
        ) from error
    put(folder / TIMESTAMP, answer.content)
    return f"stamped by {tsa}"


def check_stamp(body: bytes, sealed: bytes, roots: Sequence[Path]) -> Stamped:
    """Whether a stamp is over `sealed`. Raises ValueError with what is wrong with it.

    Without roots only the digest is compared: the stamp then says what its maker says, whoever that is.
    """
    response = tsp.decode_timestamp_response(body)
    info = response.tst_info
    if not roots:
        _compare(info, sealed)
        return Stamped(info.gen_time, trusted=False)
    builder = tsp.VerifierBuilder()
    for root in roots:
        for certificate in _certificates(root):
            builder = builder.add_root_certificate(certificate)
    try:
        builder.build().verify_message(response, sealed)
    except tsp.VerificationError as error:
        raise ValueError(str(error)) from error
    return Stamped(info.gen_time, trusted=True)


def clocks_apart(stamped: Stamped, sealed_at: str) -> list[str]:
    """What there is to say when the computer's clock and the authority's are more than an hour apart.

    A stamp may be had long after the seal; one that is older than the seal tells that a clock was wrong.
    """
    try:
        apart = stamped.at.astimezone(UTC) - datetime.fromisoformat(sealed_at).astimezone(UTC)
    except (ValueError, OverflowError):
        return ["the seal does not say when it was made"]
    if abs(apart) <= _APART:
        return []
    if apart < timedelta(0):
        return [f"the seal says that it is {-apart} younger than its stamp: the computer's clock was ahead"]
    return [f"the stamp is {apart} younger than the seal says it is: stamped later, or the clock was behind"]


def _compare(info: tsp.TimeStampTokenInfo, sealed: bytes) -> None:
    import hashlib

    imprint = info.message_imprint
    name = {"2.16.840.1.101.3.4.2.3": "sha512", "2.16.840.1.101.3.4.2.1": "sha256"}.get(
        imprint.hash_algorithm.dotted_string, ""
    )
    if not name or hashlib.new(name, sealed).digest() != imprint.message:
        raise ValueError("it is over something else")


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput("the authority's certificate cannot be read", where=str(path)) from error
