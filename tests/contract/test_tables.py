"""DynamoDB tables on a real emulator: read, backed up, broken and restored, item by item."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollproof.checks import resources, tables
from rollproof.components.aws import tableundo
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.table import Tables, table_facts
from rollproof.components.aws.tableacts import (
    BackUpTables,
    DetectItemLoss,
    FillTables,
    ProveTableBackups,
    RestoreTables,
    WriteItems,
)
from rollproof.components.aws.tablebackup import put_items, restore_beside, take_backup
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments import access
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.faults.table import ItemsLost, TableDropped
from rollproof.fidelity.registry import Fidelity
from rollproof.model.system import System
from rollproof.model.verdict import Outcome

CANARY = "ana.canary@example.org"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


Make = Callable[..., Drill]


@pytest.fixture
def make(session: DrillSession, tmp_path: Path) -> Iterator[Make]:
    drills: list[Drill] = []

    def made(*, table: bool = True, **declared: object) -> Drill:
        data = {
            "system": {"name": "shop"},
            "table": {"orders": {"name": "orders-{env}", "critical": True, **declared}},
        }
        system = System.model_validate(data).model_copy(update={"source": tmp_path / "system.toml"})
        drill = session.drill(f"a.feature::{len(session.journal.events)}", system, about={"tags": ["table"]})
        drills.append(drill)
        if table:
            create(drill)
        return drill

    yield made
    for drill in drills:
        drill.heal()


def client(drill: Drill) -> Any:
    return drill.use(Cloud).client("dynamodb")


def create(drill: Drill, name: str = "orders-embedded", **more: Any) -> None:
    client(drill).create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        **more,
    )


def verdict(drill: Drill, check: Any, **params: Any) -> Outcome:
    outcome: Outcome = drill.verify(check, **params).outcome
    return outcome


class TestItems:
    def test_ten_thousand_items_of_every_type_are_read_page_by_page_and_come_back(self, make: Make) -> None:
        drill = make()
        items = (
            {
                "pk": {"S": f"tenant-{n % 7}"},
                "sk": {"N": str(n)},
                "text": {"S": "x" * 300},
                "n": {"N": f"{n}.50"},
            }
            for n in range(10_000)
        )
        assert put_items(client(drill), "orders-embedded", items) == 10_000
        drill.require(BackUpTables())
        drill.require(ItemsLost())
        assert drill.attempt(RestoreTables())
        tables_seen = drill.use(Tables)
        tables_seen.look("now")
        assert len(tables_seen.seen["now"]["orders-embedded"].items) == 10_000
        assert not tables_seen.compare("now", against="backup")[0]

    def test_only_what_differs_is_written_back(self, make: Make) -> None:
        drill = make()
        drill.require(FillTables())
        drill.require(BackUpTables())
        drill.require(ItemsLost())
        restored = drill.require(RestoreTables())
        harmed = drill.history.last("fault.inject")
        assert harmed is not None
        assert restored["count"] == harmed.data["count"]

    def test_a_number_of_38_digits_survives(self, make: Make) -> None:
        drill = make()
        number = "12345678901234567890123456789012345678"
        put_items(client(drill), "orders-embedded", [{"pk": {"S": "a"}, "sk": {"N": number}}])
        drill.require(BackUpTables())
        drill.require(TableDropped())
        drill.require(RestoreTables(by="replace"))
        assert client(drill).scan(TableName="orders-embedded")["Items"] == [
            {"pk": {"S": "a"}, "sk": {"N": number}}
        ]

    def test_no_value_and_no_key_is_written_anywhere(self, make: Make, session: DrillSession) -> None:
        drill = make()
        put_items(client(drill), "orders-embedded", [{"pk": {"S": CANARY}, "sk": {"N": "1"}}])
        drill.require(BackUpTables())
        drill.require(WriteItems())
        drill.require(ItemsLost())
        drill.attempt(DetectItemLoss())
        drill.attempt(RestoreTables())
        written = [path for path in session.folder.rglob("*") if path.is_file()]
        assert len(written) > 1
        assert not [path for path in written if CANARY.encode() in path.read_bytes()]


class TestSettings:
    def test_what_a_restore_leaves_out_is_set_again(self, make: Make) -> None:
        drill = make(table=False)
        name = "orders-embedded"
        create(
            drill,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            Tags=[{"Key": "team", "Value": "sales"}],
            DeletionProtectionEnabled=True,
            SSESpecification={"Enabled": True, "SSEType": "KMS"},
        )
        drill.require(FillTables())
        ttl = {"Enabled": True, "AttributeName": "expires"}
        client(drill).update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        drill.require(BackUpTables())
        drill.require(TableDropped())
        bare = f"{name}-bare"
        restore_beside(client(drill), drill.use(Tables).backups[name], bare)
        kept = {fact.kind for fact in table_facts(drill.use(Cloud).aws, bare) if fact.attributes.get("value")}
        assert kept == set(), "a restore brings no tags here: nothing would be proven by having them"
        drill.require(RestoreTables(by="replace"))
        assert verdict(drill, resources.resources_restored, kind="table") is Outcome.PROVEN

    def test_a_table_that_stays_gone_is_a_difference_and_not_an_error(self, make: Make) -> None:
        drill = make()
        drill.require(FillTables())
        drill.require(BackUpTables())
        drill.require(TableDropped())
        assert verdict(drill, resources.resources_restored, kind="table") is Outcome.REFUTED


class TestBadInput:
    def test_a_table_that_does_not_exist_is_named(self, make: Make) -> None:
        with pytest.raises(PreconditionNotMet) as found:
            make(table=False).require(BackUpTables())
        assert found.value.where == "orders-embedded"
        assert "ResourceNotFoundException" in found.value.found

    def test_a_backup_that_was_deleted_fails_the_restore_and_touches_nothing(self, make: Make) -> None:
        drill = make()
        drill.require(FillTables())
        drill.require(BackUpTables())
        arn = drill.use(Tables).backups["orders-embedded"]
        client(drill).delete_backup(BackupArn=arn)
        before = drill.use(Tables).look("x")["orders-embedded"].digest
        assert not drill.attempt(RestoreTables())
        assert "BackupNotFoundException" in drill.failed["table.restore"].found
        assert drill.use(Tables).look("y")["orders-embedded"].digest == before

    def test_a_restore_to_a_name_that_is_taken_is_refused(self, make: Make) -> None:
        drill = make()
        arn = take_backup(client(drill), "orders-embedded", "one")
        with pytest.raises(AttemptFailed, match="already"):
            restore_beside(client(drill), arn, "orders-embedded")

    def test_a_restore_without_a_backup_is_refused(self, make: Make) -> None:
        with pytest.raises(PreconditionNotMet, match="no backup"):
            make().attempt(RestoreTables())

    def test_a_backup_of_an_empty_table_proves_nothing(self, make: Make) -> None:
        with pytest.raises(PreconditionNotMet, match="empty"):
            make().require(BackUpTables())

    def test_no_loss_is_found_where_there_is_none(self, make: Make) -> None:
        drill = make()
        drill.require(FillTables())
        drill.require(BackUpTables())
        assert not drill.attempt(DetectItemLoss())

    @pytest.mark.parametrize("text", ["not json", '{"Items": 3}', "[1, 2]"])
    def test_a_seed_that_is_no_list_of_items_is_named(self, make: Make, tmp_path: Path, text: str) -> None:
        (tmp_path / "seed.json").write_text(text)
        with pytest.raises(BadInput) as found:
            make(seed="seed.json").require(FillTables())
        assert "table.orders.seed" in found.value.where

    def test_a_seed_may_be_plain_json(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "seed.json").write_text(json.dumps([{"pk": "a", "sk": 1, "tags": ["x"], "on": True}]))
        drill = make(seed="seed.json")
        drill.require(FillTables())
        assert client(drill).scan(TableName="orders-embedded")["Items"] == [
            {"pk": {"S": "a"}, "sk": {"N": "1"}, "tags": {"L": [{"S": "x"}]}, "on": {"BOOL": True}}
        ]

    def test_a_system_without_tables_is_not_applicable(self, session: DrillSession) -> None:
        system = System.model_validate({"system": {"name": "bare"}, "secret": {"a": {"name": "a"}}})
        drill = session.drill("a.feature::bare", system, about={})
        with pytest.raises(NotApplicable):
            drill.require(BackUpTables())

    def test_a_system_without_a_critical_table_is_not_applicable(self, make: Make) -> None:
        with pytest.raises(NotApplicable):
            make(critical=False).require(BackUpTables())


def test_a_backup_is_proven_by_restoring_it_and_leaves_nothing_beside(make: Make) -> None:
    drill = make()
    drill.require(FillTables())
    drill.require(BackUpTables())
    assert drill.require(ProveTableBackups())["count"] == 60
    assert client(drill).list_tables()["TableNames"] == ["orders-embedded"]


def test_in_an_account_that_stays_backups_and_copies_are_removed_also_after_a_kill(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = make()
    drill.require(FillTables())
    cloud, tables = drill.use(Cloud), drill.use(Tables)
    dynamo = client(drill)
    dynamo.create_backup(TableName="orders-embedded", BackupName="the team's own")
    monkeypatch.setattr(cloud, "endpoint", replace(cloud.endpoint, private=False))
    drill.require(BackUpTables())
    proving = ProveTableBackups()
    proving.prepare(drill)
    undo = proving.undo(drill)
    assert undo is not None
    [side] = tables.beside.values()
    restore_beside(dynamo, tables.backups["orders-embedded"], side)  # then it was killed
    tableundo._HERE.clear()
    access.remember(endpoint=cloud.endpoint)
    assert tableundo.remove_beside(undo) == "0 backups and 1 copies of tables removed"
    assert drill.heal() == []
    assert dynamo.list_tables()["TableNames"] == ["orders-embedded"]
    left = dynamo.list_backups(TableName="orders-embedded")["BackupSummaries"]
    assert [one["BackupName"] for one in left] == ["the team's own"]


def test_a_backup_taken_while_items_were_written_is_found_out(make: Make) -> None:
    drill = make()
    drill.require(FillTables())
    drill.require(BackUpTables())
    seen = drill.use(Tables)
    put_items(client(drill), "orders-embedded", [{"pk": {"S": "late"}, "sk": {"N": "1"}}])
    seen.look("backup")
    with pytest.raises(PreconditionNotMet, match="not what was backed up"):
        drill.require(ProveTableBackups())
    assert not drill.attempt(RestoreTables())
    assert "not what was backed up" in drill.failed["table.restore"].found


@pytest.mark.parametrize(("name", "holds"), [("dynamodb-backup", True), ("dynamodb-point-in-time", False)])
def test_the_emulator_is_found_out(make: Make, session: DrillSession, name: str, holds: bool) -> None:
    drill = make(table=False)
    assert session.use(Fidelity, drill.system).finding(name).holds is holds


def test_a_restore_that_names_nothing_is_unknown_and_not_proven(make: Make) -> None:
    drill = make()
    drill.require(FillTables())
    drill.require(BackUpTables())
    drill.require(ItemsLost())
    drill.attempt(RestoreTables())
    assert verdict(drill, tables.items_given_up_named) is Outcome.UNKNOWN
