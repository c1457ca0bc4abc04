"""What marks production: at the place itself, by a declared or a common mark."""

from __future__ import annotations

import re

from rollproof.environments.staging.facts import Marker
from rollproof.model.environments import Staging

WORDS = frozenset(["production", "prod", "prd", "live"])
TAG_KEYS = ("environment", "env", "stage", "rollproof:environment")
"""Keys whose tags are looked at in every account, capitals aside; more are declared."""
SETTING = "rollproof.environment"
"""Postgres setting, and the key in a database's comment, that says what kind of place it is."""
TABLE = "rollproof_environment"
"""Table whose first column says it. It travels with every dump: a restored production stays marked."""

_PARTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_COMMENT = re.compile(rf"{re.escape(SETTING)}\s*[=:]\s*([\w-]+)", re.IGNORECASE)


def smells(name: str) -> bool:
    """Whether a name sounds like production's: `shop-prod-1`, `liveDb`, `prod2.shop`; not `product`."""
    return any(part.lower() in WORDS for part in _PARTS.split(name))


def is_production(marker: Marker, allowed: Staging) -> bool:
    """Whether a mark that was found says production, by the common rules or by the declared ones."""
    declared, value = allowed.production, marker.value.strip()
    match marker.kind:
        case "tag":
            common = marker.name.lower() in TAG_KEYS and value.lower() in WORDS
            return common or _is_among(value, declared.tags.get(marker.name, ()))
        case "setting":
            common = marker.name == SETTING and value.lower() in WORDS
            return common or _is_among(value, declared.settings.get(marker.name, ()))
        case "comment":
            said = _COMMENT.search(value)
            return said is not None and said[1].lower() in WORDS
        case "table":
            return value.lower() in WORDS
    return smells(value) and not allowed.not_production


def _is_among(value: str, values: tuple[str, ...]) -> bool:
    return value.lower() in {one.lower() for one in values}
