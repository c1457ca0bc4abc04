"""Believable rows of many tenants, the same for the same seed: no clock, no environment, no hash order.

Every value is the text that COPY expects, or None. The shapes are those after migration 008: contacts
spelled every which way and scores from 0 to 100, because later migrations change both.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate

import vocabulary as words
from values import array, clean_email, document, messy_email, messy_phone, schedule, uuid_text

Row = tuple[str | None, ...]
START = datetime(2025, 7, 3, 8, tzinfo=UTC)
DAYS = 185
"""rows lie in this many days from START on: two quarters of events and a few after them"""
TENANTS = 36
AGENTS = 48


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant. `share` is its part of all rows; a few have nearly everything, one has nothing."""

    id: str
    slug: str
    name: str
    share: float
    is_active: bool


def slug_of(name: str) -> str:
    """Lower case and ASCII: `Ágata Metais` becomes `agata-metais`."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(ascii_only.lower().split())


def tenant_of(place: int) -> Tenant:
    """The tenant at that place, the same for every seed, so that a system file can name one."""
    mineral = words.MINERALS[place * 5 % len(words.MINERALS)]
    name = f"{mineral} {words.TRADES[(place * 7 + place // 32) % len(words.TRADES)]}"
    slug = slug_of(name)
    share = 0.0 if place == TENANTS - 1 else 1 / (place + 1) ** 1.1
    return Tenant(
        str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{slug}.example.com")), slug, name, share, place % 17 != 11
    )


class Generator:
    """Rows for every table that is loaded.

    Args:
        seed: the same seed gives the same rows, on every machine and Python from 3.11 on.
        scale: 1.0 gives about 35,000 rows; the number of tenants and agents does not change with it.
    """

    def __init__(self, *, seed: int, scale: float = 1.0) -> None:
        self._seed = seed
        self._scale = scale
        self.people = tuple(tenant_of(place) for place in range(TENANTS))

    def _dice(self, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}/{purpose}")

    def _count(self, at_full_scale: int) -> int:
        return max(1, round(at_full_scale * self._scale))

    def _owners(self, dice: random.Random, count: int) -> list[Tenant]:
        return dice.choices(self.people, [tenant.share for tenant in self.people], k=count)

    def tenants(self) -> Iterator[Row]:
        dice = self._dice("tenants")
        for place, tenant in enumerate(self.people):
            form = words.LEGAL_FORMS[place % len(words.LEGAL_FORMS)]
            settings = document({"locale": dice.choice(words.LOCALES), "quota": dice.randrange(1, 40) * 500})
            stamp = schedule(START, dice.randrange(3600))
            yield (
                tenant.id, tenant.slug, f"{tenant.name} {form}", dice.choice(("sa-east", "us-east")),
                "t" if tenant.is_active else "f", settings, array(dice.sample(words.TAGS, dice.randrange(4))),
                stamp, stamp,
            )  # fmt: skip

    def agents(self) -> Iterator[Row]:
        """Ids come from the identity column, so their order matters."""
        dice = self._dice("agents")
        for place in range(AGENTS):
            kind = words.AGENT_KINDS[place % len(words.AGENT_KINDS)]
            prompt = f"You are {kind} {place}.\nAnswer in the lead's language." if place % 8 else None
            config = document({"model": f"m{place % 3}", "retries": place % 5})
            stamp = schedule(START, place * 60)
            yield (
                f"{kind}-{place:02d}", kind, f"{kind.title()} nº {place}", f"{dice.uniform(0, 1.2):.2f}",
                array(dice.sample(words.SKILLS, 3)), config,
                "f" if place % 13 == 7 else "t", stamp, stamp, prompt if place % 11 else None,
            )  # fmt: skip

    @cached_property
    def _lead_keys(self) -> list[tuple[str, Tenant]]:
        dice = self._dice("lead keys")
        return [(uuid_text(dice), tenant) for tenant in self._owners(dice, self._count(10_000))]

    def leads(self) -> Iterator[Row]:
        """Contacts are spelled the way people type them; a third has no score yet."""
        dice = self._dice("leads")
        chance, below = dice.random, dice.randrange
        count = len(self._lead_keys)
        status = dice.choices(words.STATUSES, words.STATUS_WEIGHTS, k=count)
        attributes = [self._attributes(dice) for _ in range(300)]
        tags = [array(dice.sample(words.TAGS, below(4))) for _ in range(60)]
        for number, (key, tenant) in enumerate(self._lead_keys):
            mineral, trade = dice.choice(words.MINERALS), dice.choice(words.TRADES)
            department = dice.choice(words.DEPARTMENTS)
            created = below(DAYS * 86_400)
            yield (
                key, tenant.id, f"crm-{number:06d}",
                f"{mineral} {trade} {number % 997:03d} {words.LEGAL_FORMS[number % 8]}",
                f"{department} {number:05d}" if chance() < 0.9 else None,
                messy_email(dice, f"contato.{number:05d}@{slug_of(mineral)}.example.com"),
                messy_phone(dice), status[number], dice.choice(words.SOURCES),
                str(below(101)) if chance() < 0.67 else None,
                str(1 + below(AGENTS)) if chance() < 0.5 else None,
                tags[below(60)], attributes[below(300)],
                dice.choice(words.NOTES) if chance() < 0.3 else None,
                schedule(START, created), schedule(START, created + below(9_000)),
            )  # fmt: skip

    @staticmethod
    def _attributes(dice: random.Random) -> str:
        return document(
            {
                "employees": dice.choice((None, 3, 12, 45, 180, 2_500)),
                "utm": {"source": dice.choice(words.SOURCES), "campaign": f"c-{dice.randrange(40)}"},
                "ratio": round(dice.random(), 3),
                "contacts": [dice.choice(words.DEPARTMENTS) for _ in range(dice.randrange(3))],
            }
        )

    def interactions(self) -> Iterator[Row]:
        """Few leads are talked to a lot, most never; ids come from the sequence."""
        dice = self._dice("interactions")
        below = dice.randrange
        weights = list(accumulate(1 / (place % 700 + 2) for place in range(len(self._lead_keys))))
        talked_to = dice.choices(self._lead_keys, cum_weights=weights, k=self._count(13_000))
        for number, (lead, tenant) in enumerate(talked_to):
            said = dice.choice(words.NOTES)
            yield (
                tenant.id, lead, str(1 + below(AGENTS)) if number % 3 else None,
                dice.choice(words.CHANNELS), "i" if number % 4 == 1 else "o",
                schedule(START, below(DAYS * 86_400)), f"{below(3_600)} seconds" if number % 5 else None,
                str(round(dice.uniform(-1, 1), 3)) if number % 2 else None, dice.choice(words.OUTCOMES),
                said * (1 + (number % 400 == 0) * 120) if number % 6 == 0 else None,
            )  # fmt: skip

    def events(self) -> Iterator[Row]:
        dice = self._dice("events")
        owners = self._owners(dice, self._count(6_500))
        payloads = [
            document({"step": step, "cost": step / 7, "ok": step % 3 > 0, "words": ["ação", "日本"]})
            for step in range(120)
        ]
        for number, tenant in enumerate(owners):
            yield (
                uuid_text(dice), schedule(START, dice.randrange(DAYS * 86_400)), tenant.id,
                str(1 + number % AGENTS) if number % 7 else None, dice.choice(words.EVENT_KINDS),
                f"run-{number // 3:06d}" if number % 2 else None, dice.choice(payloads),
            )  # fmt: skip

    def users(self) -> Iterator[Row]:
        dice = self._dice("users")
        for number, tenant in enumerate(self._owners(dice, self._count(800))):
            seen = number % 5 > 0
            prefix = words.IP_PREFIXES[number % 4]
            stamp = schedule(START, dice.randrange(DAYS * 43_200))
            yield (
                tenant.id, clean_email(f"pessoa.{number:04d}", tenant.slug),
                f"Pessoa {number:04d} – {tenant.name}",
                ("owner", "manager", "seller", "viewer")[min(number % 11, 3)], dice.choice(words.LOCALES),
                f"{prefix}{1 + number % 250}" if seen else None,
                schedule(START, DAYS * 43_200 + dice.randrange(DAYS * 43_200)) if seen else None,
                document({"theme": "dark" if number % 2 else "light"}), stamp, stamp,
            )  # fmt: skip

    def api_keys(self) -> Iterator[Row]:
        dice = self._dice("api keys")
        for number, tenant in enumerate(self._owners(dice, self._count(120))):
            begin = START + timedelta(days=number % 90)
            end = f'"{(begin + timedelta(days=90)).isoformat()}"' if number % 3 else ""
            digest = hashlib.sha256(f"{self._seed}/{number}".encode()).hexdigest()
            yield (
                uuid_text(dice), tenant.id, f"chave {number}", f"\\x{digest}",
                array(["leads:read", "leads:write"][: 1 + number % 2]), f'["{begin.isoformat()}",{end})',
                schedule(begin, 0),
            )  # fmt: skip

    def campaign_imports(self) -> Iterator[Row]:
        """Headers as they came: `json` keeps their blanks and repeated keys, `jsonb` would not."""
        dice = self._dice("campaign imports")
        for number, tenant in enumerate(self._owners(dice, self._count(1_000))):
            accepted = dice.randrange(400)
            header = words.HEADERS[number % len(words.HEADERS)]
            stamp = schedule(START, dice.randrange(DAYS * 86_400))
            yield (
                tenant.id, f"leads_{number:04d}.csv", f"Campanha {number % 23}" if number % 4 else None,
                header, f"\\x{dice.getrandbits(128):032x}" if number % 9 else None,
                str(accepted), str(accepted // 7), stamp, stamp,
            )  # fmt: skip

    def usage_samples(self) -> Iterator[Row]:
        """A meter may report twice: some rows are the same in every column."""
        dice = self._dice("usage")
        for number, tenant in enumerate(self._owners(dice, self._count(3_200))):
            day = (START + timedelta(days=number % DAYS)).date()
            amount = f"{dice.expovariate(0.01):.{number % 5}f}"
            cost = repr(round(dice.random() / 3, 9)) if number % 3 else None
            row = (tenant.id, dice.choice(words.METRICS), day.isoformat(), amount, cost)
            yield row
            if number % 90 == 0:
                yield row
