"""`manage.py seed`: fills an empty database with made-up rows."""

import random
from argparse import ArgumentParser
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql
from rest_framework.authtoken.models import Token

from appointments import seed_rows

SCALE = {"professionals": 300, "patients": 1500, "appointments": 4000}


class Command(BaseCommand):
    help = "Fills an empty database with made-up rows; the same --seed makes the same ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=20260209)
        parser.add_argument("--scale", type=float, default=1.0, help="1 makes about 5,800 rows")
        parser.add_argument("--token", default="", help="a user `traffic` with this token is made too")

    def handle(self, *, seed: int, scale: float, token: str, **_: object) -> None:
        chance = random.Random(seed)
        many = {what: max(1, round(count * scale)) for what, count in SCALE.items()}
        of, patients = many["professionals"], many["patients"]
        with transaction.atomic():
            _expect_empty("appointments_patient")
            _insert("professionals_professional", seed_rows.professionals(of, chance))
            _insert("appointments_patient", seed_rows.patients(patients, chance))
            made = seed_rows.appointments(many["appointments"], of, patients, chance)
            _insert("appointments_appointment", made)
            if token:
                Token.objects.create(user=User.objects.create_user("traffic"), key=token)
        self.stdout.write(f"made {sum(many.values())} rows")


def _expect_empty(table: str) -> None:
    """Never into a database that somebody uses."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(table)))
        if cursor.rowcount:
            raise CommandError(f"{table} is not empty: rows are only made up where there are none")


def _insert(table: str, rows: Iterable[seed_rows.Row]) -> None:
    """Copies rows in: those of their columns that the schema has, for it may be older than the models."""
    with connection.cursor() as cursor:
        there = {column.name for column in connection.introspection.get_table_description(cursor, table)}
        listed = [{name: value for name, value in row.items() if name in there} for row in rows]
        columns = sql.SQL(", ").join(map(sql.Identifier, listed[0]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with cursor.copy(statement) as copy:
            for row in listed:
                copy.write_row(tuple(row.values()))
        cursor.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({name}, 'id'), max(id)) FROM {table}").format(
                name=sql.Literal(table), table=sql.Identifier(table)
            )
        )
