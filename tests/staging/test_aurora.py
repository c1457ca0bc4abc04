"""Working copies that are Aurora clusters: made, verified, drilled on and deleted.

The emulator keeps clusters, instances and tags; what it lacks, copying one, a stand-in adds, and a second
real Postgres answers at the copy's endpoint. What AWS itself does is not proven here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rds import Rds, rds_before
from standin import APP, DATABASE, StandIn, clients_of, stand_in, write_system
from test_drills_on_staging import Forker, forker, kill, staged
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.components.aws import clusters
from rollproof.components.aws.clusters import PREFIX, remove_cluster, remove_copy
from rollproof.components.aws.tags import drill_tags
from rollproof.components.postgres.admin import connected, databases
from rollproof.components.postgres.templates import Templates
from rollproof.drill.session import DrillSession
from rollproof.environments.staging import StagingEnvironment
from rollproof.environments.staging.guard import Guard
from rollproof.environments.staging.places import Place
from rollproof.errors import AttemptFailed, RollproofError, WrongPlace
from rollproof.model.systemfile import read_system

__all__ = ["forker"]
SOURCE = "shop-staging"
OLD = "20200101T000000Z-0a1b2c"
NOW = datetime.now(UTC)
RUN = f"{NOW:%Y%m%dT%H%M%SZ}-0a1b2c"


@pytest.fixture(scope="module")
def twin(place: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Another server with the same content and the same passwords, as a copy of a cluster has them."""
    with stand_in(tmp_path_factory.mktemp("twin"), with_aws=False) as found:
        found.run(f"ALTER ROLE postgres PASSWORD '{place.server.password}'")
        server = replace(found.server, password=place.server.password)
        yield replace(found, server=server)


@dataclass
class Aurora:
    """The account as its owner sees it, and where its clusters answer."""

    rds: Rds
    client: Any
    there: StandIn

    def names(self) -> set[str]:
        return {one["DBClusterIdentifier"] for one in self.client.describe_db_clusters()["DBClusters"]}

    def instances(self) -> set[str]:
        return {one["DBInstanceIdentifier"] for one in self.client.describe_db_instances()["DBInstances"]}

    def make(self, name: str, tags: dict[str, str]) -> None:
        said = [{"Key": key, "Value": value} for key, value in tags.items()]
        engine, user = "aurora-postgresql", "postgres"
        self.client.create_db_cluster(
            DBClusterIdentifier=name,
            Engine=engine,
            MasterUsername=user,
            MasterUserPassword="not-looked-at",
            Tags=said,
        )
        self.client.create_db_instance(
            DBInstanceIdentifier=f"{name}-1",
            DBClusterIdentifier=name,
            Engine=engine,
            DBInstanceClass="db.r6g.large",
            Tags=said,
        )

    def drop(self, name: str) -> None:
        for instance in self.instances():
            if instance.startswith(name):
                self.client.delete_db_instance(DBInstanceIdentifier=instance, SkipFinalSnapshot=True)
        with suppress(self.client.exceptions.DBClusterNotFoundFault):
            self.client.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture
def aurora(place: StandIn, twin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aurora]:
    """The cluster that the environment's database is in, as far as the emulator knows one."""
    assert place.aws is not None
    assert place.aws.url is not None
    monkeypatch.setattr(clusters, "EVERY", 0.05)
    client = clients_of(place.aws.url, place.aws.region).client("rds")
    here, there = ((one.server.host, one.server.port) for one in (place, twin))
    with rds_before(place.aws.url, {SOURCE: here, "": there}) as rds:
        found = Aurora(rds, client, twin)
        found.make(SOURCE, {})
        before = databases(place.server), databases(twin.server)
        try:
            yield found
            assert found.names() == {SOURCE}
            assert found.instances() == {f"{SOURCE}-1"}
            assert (databases(place.server), databases(twin.server)) == before
        finally:
            for name in found.names():
                found.drop(name)


@pytest.fixture
def declare(aurora: Aurora, tmp_path: Path, place: StandIn, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    for name, value in {**place.environ, "STANDIN_APP": APP}.items():
        monkeypatch.setenv(name, value)

    def write(database: dict[str, Any] | None = None, **declared: Any) -> Path:
        said = {"clone": "aurora", "aurora": {"cluster": SOURCE}, **(database or {})}
        return write_system(tmp_path, place, database=said, endpoint_url=aurora.rds.url, **declared)

    return write


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DrillSession]:
    found = DrillSession(folder=tmp_path / "run", run=RUN, environment=StagingEnvironment())
    yield found
    found.finish("unknown")


def test_drills_work_on_a_copy_of_the_cluster_and_the_copy_is_gone_afterwards(
    aurora: Aurora, declare: Any, place: StandIn, twin: StandIn, session: DrillSession
) -> None:
    before = place.everything()
    aurora.rds.creating = 2
    templates = session.use(Templates, read_system(declare()))
    server, template = templates.server, templates.at(2)
    assert (server.port, server.system_identifier) == (twin.server.port, twin.identifier)
    assert template in databases(twin.server)
    with connected(server, template) as conn:
        assert conn.execute("SELECT count(*) FROM shop.orders").fetchone() == (50,)
    assert server.cluster in aurora.names()
    [asked] = aurora.rds.asked
    assert asked["RestoreType"] == "copy-on-write"
    assert asked["SourceDBClusterIdentifier"] == SOURCE
    [made] = [one for one in session.journal.events if one.act == "cluster.clone"][1:]
    assert made.data["name"] == server.cluster
    session.finish("unknown")
    assert aurora.names() == {SOURCE}
    assert place.everything() == before


@pytest.mark.slow
def test_no_cluster_is_made_for_a_drill_that_asks_for_no_database(
    aurora: Aurora, declare: Any, session: DrillSession
) -> None:
    session.open(read_system(declare())).aws()
    assert aurora.names() == {SOURCE}


def test_a_snapshot_is_restored_and_said_to_be_as_old_as_it_is(
    aurora: Aurora, declare: Any, session: DrillSession
) -> None:
    aurora.client.create_db_cluster_snapshot(
        DBClusterIdentifier=SOURCE, DBClusterSnapshotIdentifier="taken-by-hand"
    )
    declared = {"aurora": {"cluster": SOURCE, "take": "snapshot"}, "backup_age": "1h"}
    try:
        session.open(read_system(declare(declared))).postgres()
    finally:
        aurora.client.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="taken-by-hand")
    [asked] = aurora.rds.asked
    assert asked["SnapshotIdentifier"] == "taken-by-hand"
    said: Any = [one for one in session.journal.events if one.act == "cluster.clone"][1].data["facts"]
    assert abs((datetime.fromisoformat(said["taken"]) - NOW).total_seconds()) < 600


@pytest.mark.parametrize(
    ("declared", "port", "says"),
    [
        pytest.param({"cluster": "another"}, 0, "there is no cluster another", marks=pytest.mark.slow),
        pytest.param({"cluster": SOURCE, "take": "snapshot"}, 0, "has no snapshot", marks=pytest.mark.slow),
        ({"cluster": SOURCE}, 1, "none of the endpoints of cluster"),
    ],
)
def test_a_cluster_that_is_not_the_databases_own_is_refused_before_anything_is_made(
    declared: dict[str, Any], port: int, says: str, aurora: Aurora, declare: Any
) -> None:
    if port:
        aurora.rds.endpoints[SOURCE] = ("127.0.0.1", port)
    with pytest.raises(WrongPlace, match=says):
        Guard(read_system(declare({"aurora": declared})), "staging").verify()
    assert aurora.rds.asked == []


@pytest.mark.slow
def test_a_cluster_that_is_marked_as_production_is_refused(aurora: Aurora, declare: Any) -> None:
    arn = aurora.client.describe_db_clusters(DBClusterIdentifier=SOURCE)["DBClusters"][0]["DBClusterArn"]
    aurora.client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "environment", "Value": "production"}])
    with pytest.raises(WrongPlace, match="marked as production"):
        Guard(read_system(declare()), "staging").verify()
    assert aurora.rds.asked == []


def test_a_copy_that_answers_where_its_source_does_is_refused_and_deleted(
    aurora: Aurora, declare: Any, place: StandIn, session: DrillSession
) -> None:
    """Asked for again, it is refused again, and no second copy is made."""
    aurora.rds.endpoints[""] = (place.server.host, place.server.port)
    opened = session.open(read_system(declare()))
    for _ in range(2):
        with pytest.raises(WrongPlace, match="where its source answers"):
            opened.postgres()
    assert len(aurora.rds.asked) == 1


@pytest.mark.slow
def test_a_copy_that_is_marked_as_production_is_refused_and_deleted(
    aurora: Aurora, declare: Any, twin: StandIn, session: DrillSession
) -> None:
    twin.run(f"ALTER DATABASE {DATABASE} SET rollproof.environment = 'production'")
    try:
        with pytest.raises(WrongPlace, match="marked as production"):
            session.open(read_system(declare())).postgres()
    finally:
        twin.run(f"ALTER DATABASE {DATABASE} RESET rollproof.environment")


@pytest.mark.slow
def test_a_copy_that_is_not_there_in_time_is_deleted_all_the_same(
    aurora: Aurora, declare: Any, session: DrillSession
) -> None:
    aurora.rds.creating = 10**6
    opened = session.open(read_system(declare({"aurora": {"cluster": SOURCE, "limit": "200ms"}})))
    with pytest.raises(AttemptFailed, match="is available"):
        opened.postgres()
    assert len(aurora.names()) == 2


def test_what_a_killed_run_made_is_deleted_by_its_journal_alone(aurora: Aurora, declare: Any) -> None:
    name = f"{PREFIX}20200101t000000z-0a1b2c-ffff"
    aurora.make(name, drill_tags(OLD))
    undo = {"account": "123456789012", "name": name, "run": OLD, "limit_seconds": 5.0}
    with pytest.raises(RollproofError, match="was not deleted"):
        remove_cluster({**undo, "account": "000000000001"})
    Place.look(declare(), "staging")
    assert remove_cluster(undo) == f"cluster {name} deleted"
    assert remove_cluster(undo) == f"cluster {name} was not there"


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        (f"{PREFIX}of-somebody", {}),
        (f"{PREFIX}of-another-run", drill_tags("20190101T000000Z-0a1b2c")),
        ("shop-copy", drill_tags(OLD)),
    ],
)
def test_a_cluster_that_no_drill_made_is_never_deleted(
    name: str, tags: dict[str, str], aurora: Aurora, place: StandIn
) -> None:
    assert place.aws is not None
    aurora.make(name, tags)
    try:
        with pytest.raises(RollproofError, match="do not say that this run made it"):
            remove_copy(clients_of(place.aws.url, place.aws.region), name, run=OLD)
        assert name in aurora.names()
    finally:
        aurora.drop(name)


@pytest.mark.slow
@pytest.mark.parametrize("at", [12, 13, 20])
def test_a_drill_killed_around_the_copy_is_healed_by_a_new_process(
    at: int, aurora: Aurora, tmp_path: Path, forker: Forker, place: StandIn
) -> None:
    """Databases go with the cluster; here their server stays, so they are dropped by hand."""
    database = {"clone": "aurora", "aurora": {"cluster": SOURCE}}
    found = staged(tmp_path, forker, place, database=database, endpoint_url=aurora.rds.url)
    before = place.everything()
    kill(found, at, "process")
    assert [one.act for one in found.drilled.journal().events].count("cluster.clone") == (
        1 if at == 12 else 2
    )
    assert len(aurora.names()) == (1 if at == 12 else 2)
    healed = found.rollproof("heal")
    assert healed.code == 0, healed.said
    assert aurora.names() == {SOURCE}
    assert place.everything() == before
    for name in databases(aurora.there.server):
        if name.startswith("rollproof_"):
            aurora.there.run(f'DROP DATABASE "{name}"')


def test_sweep_finds_copies_by_their_tags_and_their_time(aurora: Aurora, declare: Any) -> None:
    old, young = f"{PREFIX}old", f"{PREFIX}young"
    aurora.make(old, drill_tags(OLD, now=datetime(2020, 1, 1, tzinfo=UTC)))
    aurora.make(young, drill_tags(RUN))
    aurora.make("rollproof-alike", {})
    system = declare()
    try:
        listed = CliRunner().invoke(app, ["sweep", str(system)], catch_exceptions=False)
        assert f"{old} of run {OLD}: left behind" in listed.output
        assert "it may still be needed" in listed.output
        swept = CliRunner().invoke(app, ["sweep", str(system), "--yes"], catch_exceptions=False)
        assert f"removed cluster {old}" in swept.output, swept.output
        assert aurora.names() == {SOURCE, young, "rollproof-alike"}
    finally:
        for name in (old, young, "rollproof-alike"):
            aurora.drop(name)
