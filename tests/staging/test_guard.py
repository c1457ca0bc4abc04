"""Every way to aim a drill at the wrong place is refused by judging facts alone, and says what was wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.staging.facts import AwsFacts, Facts, Marker, ProfileFacts, ServerFacts
from rollproof.environments.staging.guard import Guard
from rollproof.environments.staging.judge import judged
from rollproof.environments.staging.markers import smells
from rollproof.environments.staging.sources import operator
from rollproof.environments.staging.target import read_target
from rollproof.errors import WrongPlace
from rollproof.fidelity.registry import ITSELF, Fidelity
from rollproof.model.environments import Staging
from rollproof.model.planfile import read_plan
from rollproof.model.system import System
from rollproof.model.systemfile import read_system

CASES = tomllib.loads((Path(__file__).parent / "guard_cases.toml").read_text())["case"]
DSN = "postgresql://drill:x@db.staging.example/shop_staging"
IDENTIFIER = "7400000000000000001"
DECLARED: dict[str, Any] = {
    "aws_account": "123456789012",
    "region": "eu-central-1",
    "profile": "drills",
    "hosts": ["db.staging.example"],
    "expires": date(2027, 3, 31),
    "database": {"dsn_env": "STAGING_DSN", "system_identifier": IDENTIFIER, "name": "shop_staging"},
}
SERVER = ServerFacts(
    system_identifier=IDENTIFIER,
    connected="10.1.0.7",
    address="10.1.0.7",
    port=5432,
    database="shop_staging",
    user="drill",
    in_recovery=False,
    read_only=False,
    version=170010,
    databases=("postgres", "shop_staging"),
    rights=frozenset(["createdb", "copy"]),
)
AWS = AwsFacts(
    "123456789012", "arn:aws:sts::123456789012:assumed-role/drill/rollproof-drill", "eu-central-1", "AWS"
)
PROFILE = {"found": True, "settings": {"region": "eu-central-1"}}
TWO = ["10.1.0.0/16", "172.17.0.2"]
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, tables key by key."""
    found = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def declared(changes: Mapping[str, Any]) -> Staging:
    return Staging.model_validate(merged(DECLARED, changes))


def _changed(base: Any, changes: Mapping[str, Any]) -> Any:
    said = dict(changes)
    for name in ("markers", "outward", "databases", "unseen"):
        if name in said:
            marks = name in ("markers", "outward")
            said[name] = tuple(Marker(*item) if marks else item for item in said[name])
    if "rights" in said:
        said["rights"] = frozenset(said["rights"])
    return replace(base, **said)


def facts_of(case: Mapping[str, Any]) -> Facts:
    server = _changed(SERVER, case.get("server", {}))
    for name in case.get("drop", ()):
        server = replace(server, **{name.removeprefix("server."): None})
    target = replace(
        read_target(case.get("dsn", DSN), "the variable STAGING_DSN"),
        resolved=tuple(case.get("resolved", ["10.1.0.7"])),
    )
    return Facts(
        environment=case.get("environment", "staging"),
        environ=case.get("environ", {}),
        now=datetime.fromisoformat(case["now"]) if "now" in case else NOW,
        user=case.get("user", "ann"),
        target=target,
        server=server,
        profile=ProfileFacts(
            "drills",
            **merged({"found": True, "settings": {"region": "eu-central-1"}}, case.get("profile", {})),
        ),
        aws=_changed(AWS, case.get("aws", {})),
    )


def test_a_place_that_is_as_it_should_be_is_not_refused() -> None:
    assert judged(facts_of({}), declared({})) == []


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_is_refused_and_said_why(case: dict[str, Any]) -> None:
    others = {
        name: declared({"database": {"system_identifier": "1", **one.get("database", {})}, **_rest(one)})
        for name, one in case.get("others", {}).items()
    }
    found = judged(facts_of(case), declared(case.get("declared", {})), others=others)
    said = [one.found for one in found]
    assert any(case["says"] in one for one in said), said
    assert all(one.remedy and one.what for one in found)
    assert "x@" not in str(found), "a password was shown"


def _rest(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "database"}


def test_there_are_at_least_sixty_ways_and_each_is_there_once() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize(
    "case",
    [
        {"environ": {"PGHOST": "DB.staging.example.", "PGPORT": "5432", "AWS_PROFILE": "drills"}},
        {"environ": {"AWS_REGION": "eu-central-1"}},
        {"dsn": "postgresql://drill:x@DB.Staging.Example./shop_staging"},
        {"dsn": DSN + "?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3&application_name=x"},
        {"dsn": DSN + "?target_session_attrs=read-write"},
        {"dsn": "host=db.staging.example hostaddr=10.1.0.7 user=drill dbname=shop_staging"},
        {"declared": {"database": {"addresses": ["10.1.0.0/16"]}}, "resolved": ["10.1.0.7", "10.1.3.4"]},
        {
            "declared": {"database": {"addresses": ["10.1.0.0/16", "172.17.0.2"]}},
            "server": {"address": "172.17.0.2"},
        },
        {"declared": {"database": {"port": 6432}}, "server": {"port": 6432}},
        {"declared": {"not_production": "the product's name"}, "environment": "prod2"},
        {"declared": {"window": [{"opens": "14:00", "closes": "16:00"}], "operators": ["ann"]}},
        {
            "server": {
                "markers": [["comment", "shop", "a copy of production, made anonymous", "database shop"]]
            }
        },
        {"server": {"markers": [["setting", "rollproof.environment", "staging", "the session"]]}},
        {
            "aws": {
                "markers": [["tag", "env", "staging", "stack shop"], ["tag", "owner", "prod", "stack shop"]]
            }
        },
        {"server": {"rights": ["superuser"]}},
        {"server": {"now": NOW + timedelta(minutes=4)}},
        {
            "declared": {"database": {"reaches": ["stock"]}},
            "server": {"outward": [["foreign server", "stock", "10.1.0.9", "postgres_fdw"]]},
        },
    ],
    ids=str,
)
def test_what_is_harmless_is_no_reason_to_refuse(case: dict[str, Any]) -> None:
    assert judged(facts_of(case), declared(case.get("declared", {}))) == []


@pytest.mark.parametrize("name", ["shop-prod-1", "liveDb", "prod2.shop", "PRODUCTION", "db_prd", "x.live"])
def test_what_sounds_like_production_is_heard(name: str) -> None:
    assert smells(name)


@pytest.mark.parametrize("name", ["product-1", "deliveries", "staging", "reproduction", "oliver", "prodigy"])
def test_what_only_contains_the_letters_is_not(name: str) -> None:
    assert not smells(name)


def test_a_declared_reason_waives_names_and_never_marks() -> None:
    reason = {"not_production": "our product is called live"}
    marked = {"server": {"markers": [["setting", "rollproof.environment", "live", "the session"]]}}
    assert judged(facts_of({"environment": "live"}), declared(reason)) == []
    assert judged(facts_of(marked), declared(reason))


def test_what_was_done_may_be_undone_after_the_list_has_expired_but_only_there() -> None:
    late = {"now": "2028-01-01T00:00:00+00:00", "declared": {"operators": ["bob"]}}
    assert judged(facts_of(late), declared(late["declared"]), healing=True) == []
    elsewhere = {**late, "server": {"system_identifier": "7"}}
    assert judged(facts_of(elsewhere), declared(late["declared"]), healing=True)


@pytest.mark.parametrize("plan", ["staging", "game-day"])
def test_the_plans_that_ship_say_all_that_is_missing(plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    for name in [*os.environ]:
        if name.startswith(("ALQUIMISTA_", "PG", "AWS_")):
            monkeypatch.delenv(name)
    read = read_plan(Path("drills") / f"{plan}.toml")
    [file] = read.system_files
    with pytest.raises(WrongPlace) as caught:
        Guard(read_system(Path(file)), read.plan.environment).verify()
    for name in ("KEY", "SECRET", "TOKEN", "DSN", "APP_PASSWORD"):
        assert f"ALQUIMISTA_STAGING_{name}" in caught.value.found
    assert "docs/how-to/staging.md" in caught.value.remedy


def test_nobody_becomes_an_operator_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "root-of-all")
    assert operator() != "root-of-all"


@pytest.mark.parametrize("text", ["", "   ", "not a dsn", "postgresql://[::1", "host='unfinished"])
def test_what_is_no_dsn_is_refused_without_showing_it(text: str) -> None:
    if not text.strip():
        assert read_target(text, "the variable X").host == ""
        return
    with pytest.raises(WrongPlace) as caught:
        read_target(text, "the variable X")
    assert text not in str(caught.value)


def test_no_experiment_is_made_on_aws_itself() -> None:
    """By definition it does what AWS does; the endpoint here answers nobody, and nobody asks."""
    aws = AwsEndpoint(
        url=None,
        region="eu-central-1",
        account="123456789012",
        access_key="AKIA",
        secret_key="none",  # noqa: S106  # none
        emulator="",
        private=False,
    )
    opened = SimpleNamespace(aws=lambda account: aws)
    session = SimpleNamespace(
        open=lambda system: opened, recorder=SimpleNamespace(note=lambda act, data: None)
    )
    found = Fidelity(session, System.model_validate({"system": {"name": "shop"}}))  # type: ignore[arg-type]
    assert found.finding("dynamodb-point-in-time").said == ITSELF.said
