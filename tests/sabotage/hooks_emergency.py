"""What saboteurs of emergencies do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollproof.components import service
from rollproof.components.aws import secretacts, tableacts
from rollproof.components.aws.gate import Gate
from rollproof.components.aws.maintenance import Maintenance, MaintenanceOff
from rollproof.components.aws.reopening import give_back
from rollproof.components.aws.secret import CURRENT, PENDING, Secrets
from rollproof.components.aws.secretrotation import drop_pending
from rollproof.components.aws.shutdown import OpenSystem
from rollproof.components.aws.table import Tables
from rollproof.components.aws.tablebackup import delete_items, put_items, wait_active
from rollproof.components.aws.tableitems import key_names, scan
from rollproof.components.aws.tablesettings import TableSettings
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import ask_no_more, set_password
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from tests.sabotage.hooks import _patched


def nothing(drill: Drill, act: Act) -> None:
    """The act reports success and does nothing."""


def impatient(drill: Drill, act: Act) -> None:
    """Only spares the test a long wait for a service that will not come back."""
    _patched(drill, service, "VERIFY_SECONDS", 0.3)


def opened_early(drill: Drill, act: Act) -> None:
    """Somebody takes the maintenance page away before anything was verified."""
    drill.attempt(MaintenanceOff())


def one_function_open(drill: Drill, act: Act) -> None:
    """One function was forgotten when the system was shut."""
    gate = drill.use(Gate)
    key = next(key for key, name in gate.functions().items() if f"function {key}" not in gate.unwell)
    spec, had = drill.system.function[key], gate.kept[key]
    name = gate.cloud.fill(spec.name)
    gate.client.update_alias(FunctionName=name, Name=spec.alias, FunctionVersion=had.version or "1")
    give_back(gate.client, name, had.concurrency)


def page_gone(drill: Drill, act: Act) -> None:
    """The front page is back while the system is still closed."""
    maintenance = drill.use(Maintenance)
    kept = dict(maintenance.kept)
    for name in kept:
        maintenance.hide(name)


def page_stays(drill: Drill, act: Act) -> None:
    """The maintenance page is still there when all is over."""
    maintenance = drill.use(Maintenance)
    for name in maintenance.sites():
        maintenance.show(name)


def _table(drill: Drill) -> tuple[Any, str, list[str]]:
    tables = drill.use(Tables)
    name = tables.critical()[0]
    return tables.client, name, key_names(tables.client.describe_table(TableName=name)["Table"])


def number_as_text(drill: Drill, act: Act) -> None:
    """The restore writes one item's number as a text."""
    client, name, keys = _table(drill)
    for item in scan(client, name):
        numbers = [part for part, value in item.items() if "N" in value and part not in keys]
        if numbers:
            put_items(client, name, [{**item, numbers[0]: {"S": item[numbers[0]]["N"]}}])
            return
    raise AssertionError("no item has a number")


def item_missing(drill: Drill, act: Act) -> None:
    """The restore forgets an item."""
    client, name, keys = _table(drill)
    delete_items(client, name, keys, [next(iter(scan(client, name)))])


def item_resurrected(drill: Drill, act: Act) -> None:
    """An item is there after the restore that the backup does not hold."""
    client, name, keys = _table(drill)
    item = next(iter(scan(client, name)))
    put_items(client, name, [{**item, keys[-1]: {"S": "nobody knows it"}}])


def given_up_in_silence(drill: Drill, act: Act) -> None:
    """The restore does not say what it gives up."""
    _patched(drill, tableacts, "_given_up", lambda tables: [])


def _after_restore(drill: Drill, then: Callable[[Any, str], object]) -> None:
    """Does something to the table whenever it has been restored."""
    run = tableacts.RestoreTables.run

    def restored(self: tableacts.RestoreTables, drill: Drill) -> object:
        result = run(self, drill)
        client, name, _ = _table(drill)
        then(client, name)
        return result

    _patched(drill, tableacts.RestoreTables, "run", restored)


def settings_forgotten(drill: Drill, act: Act) -> None:
    """Nothing is set on the restored table that the restore did not bring."""
    _patched(drill, TableSettings, "apply", lambda self, client, table: None)


def time_to_live_forgotten(drill: Drill, act: Act) -> None:
    """Items expire by an attribute, and nobody sets that on the restored table."""
    client, name, _ = _table(drill)
    wanted = {"Enabled": True, "AttributeName": "expires"}
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)
    _patched(drill, TableSettings, "_time_to_live", lambda self, client, table: None)


def stream_forgotten(drill: Drill, act: Act) -> None:
    """Somebody reads the table's stream, and the restored table has none."""
    client, name, _ = _table(drill)
    wanted = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    client.update_table(TableName=name, StreamSpecification=wanted)
    _patched(drill, TableSettings, "_stream", lambda self, client, table: None)


def recovery_off(drill: Drill, act: Act) -> None:
    """Point-in-time recovery was on, and is off after the restore."""
    client, name, _ = _table(drill)
    _recovery(client, name, True)
    _after_restore(drill, lambda c, n: _recovery(c, n, False))


def _recovery(client: Any, name: str, on: bool) -> None:
    wanted = {"PointInTimeRecoveryEnabled": on}
    client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)


def unprotected(drill: Drill, act: Act) -> None:
    """The table was protected against deletion, and is not any more."""
    client, name, _ = _table(drill)
    client.update_table(TableName=name, DeletionProtectionEnabled=True)
    _after_restore(drill, lambda c, n: c.update_table(TableName=n, DeletionProtectionEnabled=False))


def tag_forgotten(drill: Drill, act: Act) -> None:
    """A tag that says who pays is gone."""
    client, name, _ = _table(drill)
    arn = client.describe_table(TableName=name)["Table"]["TableArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "cost-centre", "Value": "17"}])
    _patched(drill, TableSettings, "_tags", lambda self, client, table: None)


def index_lost(drill: Drill, act: Act) -> None:
    """The table had an index that is not there after the restore."""
    client, name, keys = _table(drill)
    types = client.describe_table(TableName=name)["Table"]["AttributeDefinitions"]
    key = [{"AttributeName": keys[-1], "KeyType": "HASH"}]
    create = {"IndexName": "by-command", "KeySchema": key, "Projection": {"ProjectionType": "KEYS_ONLY"}}
    client.update_table(
        TableName=name,
        AttributeDefinitions=types,
        GlobalSecondaryIndexUpdates=[{"Create": create}],
    )
    wait_active(client, name)
    gone = [{"Delete": {"IndexName": "by-command"}}]
    _after_restore(drill, lambda c, n: c.update_table(TableName=n, GlobalSecondaryIndexUpdates=gone))


def everybody_let_in(drill: Drill, act: Act) -> None:
    """The database does not ask for the password any more: the old one gets in, as any does."""
    held = drill.use(Secrets)
    for value in held.old.values():
        if value.spec.kind == "postgres":
            ask_no_more(drill.use(Bench).server, value.username)


def left_pending(drill: Drill, act: Act) -> None:
    """A version is left pending."""
    held = drill.use(Secrets)
    key = next(iter(held.declared()))
    held.client.put_secret_value(
        SecretId=held.name(key), SecretString=held.value(key).text, VersionStages=[PENDING]
    )


def one_left_out(drill: Drill, act: Act) -> None:
    """Somebody rotates all secrets but the last."""
    rotate, held = secretacts.rotate, drill.use(Secrets)
    last = list(held.declared())[-1]
    _patched(drill, secretacts, "rotate", lambda held, key: "left out" if key == last else rotate(held, key))


def same_value_again(drill: Drill, act: Act) -> None:
    """A new version is made, with the old value in it."""

    def rotate(held: Secrets, key: str) -> str:
        held.client.put_secret_value(SecretId=held.name(key), SecretString=held.value(key).text)
        return "by hand"

    _patched(drill, secretacts, "rotate", rotate)


def database_left_behind(drill: Drill, act: Act) -> None:
    """The secret is new, the database has another password: whoever asks the secret is locked out."""
    impatient(drill, act)
    held = drill.use(Secrets)
    for key, value in held.old.items():
        if value.spec.kind == "postgres":
            set_password(drill.use(Bench).server, held.value(key).username, held.fresh())


def previous_version_gone(drill: Drill, act: Act) -> None:
    """No version is kept as the previous one."""
    held = drill.use(Secrets)
    for key in held.declared():
        stages = held.stages(key)
        held.client.update_secret_version_stage(
            SecretId=held.name(key), VersionStage="AWSPREVIOUS", RemoveFromVersionId=stages["AWSPREVIOUS"]
        )


def opened_before_sessions_ended(drill: Drill, act: Act) -> None:
    """The system is opened while sessions of the old credentials are still there."""
    drill.attempt(OpenSystem())


def pending_dropped_only(drill: Drill, act: Act) -> None:
    """The rotation is called off in the secret, and nobody thinks of the database."""
    held = drill.use(Secrets)
    for key in held.declared():
        drop_pending(held, key)
    held.pending.clear()
    assert CURRENT in held.stages(next(iter(held.declared())))
