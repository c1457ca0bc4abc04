"""Telephone numbers as people write them, and as E.164 has them."""

import re

_NATIONAL = re.compile(r"\((\d{2})\) (\d{4,5})-(\d{4})")
_E164 = re.compile(r"\+55(\d{2})(\d{4,5})(\d{4})")


def to_e164(phone: str) -> str:
    """`(11) 91234-5678` as `+5511912345678`; anything else as it is."""
    found = _NATIONAL.fullmatch(phone)
    return "+55" + "".join(found.groups()) if found else phone


def to_national(phone: str) -> str:
    """The way back."""
    found = _E164.fullmatch(phone)
    return "({}) {}-{}".format(*found.groups()) if found else phone
