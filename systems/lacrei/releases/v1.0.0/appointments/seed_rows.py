"""Made-up rows, the same ones for the same seed: nobody's names, documents that validate for nobody."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from appointments.documents import synthetic

Row = Mapping[str, object]
PROFESSIONS = (
    "Nutrition",
    "Psychology",
    "Clinical practice",
    "Endocrinology",
    "Physiotherapy",
    "Dermatology",
)
STATUSES = ("scheduled", "held", "held", "held", "cancelled")
STARTED = datetime(2025, 1, 6, 8, tzinfo=UTC)
SLOTS_A_DAY = 12
HALF_AN_HOUR = timedelta(minutes=30)


def professionals(count: int, chance: random.Random) -> Iterator[Row]:
    """Registrations and telephone numbers are written as carelessly as people write them."""
    for number in range(1, count + 1):
        register = f"{chance.choice(('crm', 'CRP', 'Crn'))} {chance.choice(('SP', 'ba', 'RS'))} {number:06d}"
        yield {
            "id": number,
            "social_name": f"Profissional Exemplo {number:04d}",
            "profession": chance.choice(PROFESSIONS),
            "registration": register,
            "phone": f"({chance.randint(11, 99)}) 90000-{number % 10000:04d}",
            "address": f"Rua Inventada, {chance.randint(1, 999)}",
            "legacy_code": f"L-{number:05d}",
            "active": number % 17 != 0,
            "created_at": STARTED + timedelta(minutes=number),
        }


def patients(count: int, chance: random.Random) -> Iterator[Row]:
    for number in range(1, count + 1):
        yield {
            "id": number,
            "name": f"Paciente Inventada {number:05d}",
            "document": synthetic(chance.randrange(10**4) * 10**5 + number),
            "email": f"patient-{number:05d}@example.com",
        }


def appointments(count: int, of: int, patients: int, chance: random.Random) -> Iterator[Row]:
    """Each professional's one after another, half an hour each, so that none is booked twice.

    Args:
        of: how many professionals there are. patients: how many patients.
    """
    for number in range(1, count + 1):
        day, slot = divmod((number - 1) // of, SLOTS_A_DAY)
        yield {
            "id": number,
            "professional_id": (number - 1) % of + 1,
            "patient_id": chance.randint(1, patients),
            "starts_at": STARTED + timedelta(days=day) + slot * HALF_AN_HOUR,
            "minutes": chance.choice((20, 30)),
            "status": chance.choice(STATUSES),
            "reference": f"seed-{number:06d}",
            "created_at": STARTED + timedelta(seconds=number),
        }
