"""`[tool.rollproof.seal]`: who seals runs, and where copies go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rollproof.model.spec import Seconds, Spec


class Seal(Spec):
    """How runs are sealed. Without a key they are sealed all the same, and called unsigned."""

    key: str | None = None
    """a file with a private key; `env:NAME`, `agent:FILE` or `awskms:KEY` for one that is elsewhere"""
    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """of AWS, for KMS and for the upload, when it is not AWS' own"""
    region: str | None = None
    operator: str = ""
    """who runs the drills; left out, the CI's user or the one who is logged in"""
    tsa: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """address of a time-stamp authority (RFC 3161)"""
    anchor: tuple[str, ...] = ()
    """where a copy of each head goes: a file, `s3://bucket/key`, or `git`"""
    upload: Annotated[str, Field(pattern=r"^s3://[^/]+")] | None = None
    """`s3://bucket/prefix`: where each sealed bundle is copied to"""
    lock: Literal["governance", "compliance", "none"] = "governance"
    """object lock of the copy. `compliance` can be undone by nobody until `retain` is over"""
    compliance_cannot_be_undone: bool = False
    """must be true for `compliance`"""
    retain: Annotated[Seconds, Field(gt=0)] = 6 * 365 * 86400.0
