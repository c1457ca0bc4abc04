"""What killed runs left is found without their journals, and what is still needed stays."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin import DATABASE, StandIn, clients_of, write_system
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.components.aws.tags import EXPIRES_TAG, RUN_TAG, drill_tags, expires_at
from rollproof.components.postgres.admin import STANDS_IN
from rollproof.environments.staging import lock
from rollproof.environments.staging.dynamo import RowLock
from rollproof.environments.staging.leftovers import DATABASE as NAME
from rollproof.environments.staging.leftovers import Leftover, run_of_name
from rollproof.environments.staging.lock import SessionLock
from rollproof.environments.staging.trials import trials_left

OLD = "20200101T000000Z-0a1b2c"
OLD_NAME = "rollproof_20200101t000000z_0a1b2c_ffff_at001_001"
KEPT_NAME = "rollproof_20200101t000000z_0a1b2c_ffff_kept_002"


@pytest.fixture
def system(tmp_path: Path, place: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, value in {**place.environ, "STANDIN_APP": "app"}.items():
        monkeypatch.setenv(name, value)
    return write_system(tmp_path, place)


def rollproof(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def names(place: StandIn) -> set[str]:
    with place.connect() as conn:
        return {str(row[0]) for row in conn.execute("SELECT datname FROM pg_database")}


def young_name() -> str:
    return f"rollproof_{datetime.now(UTC):%Y%m%dt%H%M%Sz}_0a1b2c_ffff_at001_001"


def test_databases_are_listed_first_and_removed_only_when_asked(system: Path, place: StandIn) -> None:
    young, alike = young_name(), "rollproof_reports"
    before = names(place)
    place.run(*(f'CREATE DATABASE "{name}"' for name in (OLD_NAME, young, alike)))
    try:
        listed = rollproof("sweep", str(system))
        assert listed.exit_code == 0
        assert f"{OLD_NAME} of run {OLD}: left behind" in listed.output
        assert "it may still be needed" in listed.output
        assert alike not in listed.output
        assert names(place) == before | {OLD_NAME, young, alike}
        swept = rollproof("sweep", str(system), "--yes")
        assert f"removed database {OLD_NAME}" in swept.output, swept.output
        assert names(place) == before | {young, alike}
    finally:
        place.run(*(f'DROP DATABASE IF EXISTS "{name}"' for name in (OLD_NAME, young, alike)))


STAND_IN = (
    f"CREATE DATABASE {DATABASE}",
    f"COMMENT ON DATABASE {DATABASE} IS '{STANDS_IN}{KEPT_NAME}'",
)


@pytest.mark.parametrize("clone", [STAND_IN, ()], ids=["with a clone", "before there is one"])
def test_a_database_that_was_put_aside_gets_its_name_back(
    clone: tuple[str, ...], system: Path, place: StandIn
) -> None:
    """The clone that bears its name goes, if it was made; what was put aside is the environment's own."""
    before = place.everything()
    place.run(f'ALTER DATABASE {DATABASE} RENAME TO "{KEPT_NAME}"', *clone)
    swept = rollproof("sweep", str(system), "--yes")
    assert swept.exit_code == 0, swept.output
    assert place.everything() == before


def test_what_somebody_is_connected_to_stays(system: Path, place: StandIn) -> None:
    place.run(f'CREATE DATABASE "{OLD_NAME}"')
    try:
        with place.connect(OLD_NAME):
            swept = rollproof("sweep", str(system), "--yes")
        assert "1 sessions are connected to it" in swept.output
        assert OLD_NAME in names(place)
    finally:
        place.run(f'DROP DATABASE "{OLD_NAME}" WITH (FORCE)')


def test_what_is_of_a_run_that_holds_the_lock_stays(system: Path, place: StandIn) -> None:
    place.run(f'CREATE DATABASE "{OLD_NAME}"')
    held = SessionLock(dataclasses.replace(place.server, source=DATABASE), run=OLD)
    held.take()
    try:
        swept = rollproof("sweep", str(system), "--yes")
        assert f"{OLD_NAME} of run {OLD}: stays: its run goes on" in swept.output
        shown = rollproof("lock", "show", str(system))
        assert shown.exit_code == 1
        assert f"run {OLD} of {lock.me()}" in shown.output
    finally:
        held.release()
        place.run(f'DROP DATABASE "{OLD_NAME}"')
    assert rollproof("lock", "show", str(system)).exit_code == 0


def test_a_lock_is_broken_on_purpose_only_and_on_record(system: Path, place: StandIn, tmp_path: Path) -> None:
    assert place.aws is not None
    aws = clients_of(place.aws.url, place.aws.region)
    session = SessionLock(dataclasses.replace(place.server, source=DATABASE), run=OLD)
    row = RowLock(aws, "rollproof-locks", "mini", run=OLD, who="ann@there", seconds=60)
    session.take()
    row.take()
    refused = rollproof("lock", "break", str(system))
    assert refused.exit_code != 0
    assert "on purpose" in refused.output
    assert (session.beat(), row.beat()) == ("", "")
    broken = rollproof("lock", "break", str(system), "--yes", "--reason", "its machine is gone")
    assert broken.exit_code == 0, broken.output
    assert "is gone" in session.beat()
    assert "was broken" in row.beat()
    session.release()
    [journal] = tmp_path.glob("reports/broken-locks/*/journal.ndjson")
    assert "its machine is gone" in journal.read_text()
    assert rollproof("lock", "show", str(system)).exit_code == 0


def test_stacks_are_found_by_their_tags(system: Path, place: StandIn) -> None:
    assert place.aws is not None
    client = clients_of(place.aws.url, place.aws.region).client("cloudformation")
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "of-a-drill"}}}}'
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for name, tags in {
        "left": drill_tags(OLD, now=long_ago),
        "young": drill_tags(OLD),
        "others": {},
    }.items():
        client.create_stack(
            StackName=f"sweep-{name}",
            TemplateBody=body.replace("of-a-drill", name),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    try:
        swept = rollproof("sweep", str(system), "--yes")
        assert swept.exit_code == 0, swept.output
        assert "removed stack sweep-left" in swept.output
        there = {stack["StackName"] for stack in client.describe_stacks()["Stacks"]}
        assert {"sweep-young", "sweep-others"} <= there
        assert "sweep-left" not in there
    finally:
        for name in ("left", "young", "others"):
            client.delete_stack(StackName=f"sweep-{name}")


def test_what_killed_experiments_left_is_known_by_its_name(place: StandIn) -> None:
    assert place.aws is not None
    aws = clients_of(place.aws.url, place.aws.region)
    iam, s3 = aws.client("iam"), aws.client("s3")
    left, alike = f"rollproof-{'a1' * 4}", "rollproof-drill-role"
    bucket = f"{left}-{place.aws.account}"
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    for name in (left, alike):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
    iam.put_role_policy(RoleName=left, PolicyName=left, PolicyDocument=json.dumps(policy))
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="old.zip", Body=b"")
    try:
        now, young = datetime.now(UTC), list(trials_left(aws, older=timedelta(hours=1)))
        assert all(one.why_not(now, ()) for one in young)
        found = {one.name: one for one in trials_left(aws, older=timedelta(0))}
        assert {left, bucket} <= found.keys()
        assert alike not in found
        for name in (left, bucket):
            found[name].remove()
        assert {left, bucket}.isdisjoint(one.name for one in trials_left(aws, older=timedelta(0)))
    finally:
        iam.delete_role(RoleName=alike)


def test_rows_of_locks_whose_time_is_up_are_removed(system: Path, place: StandIn) -> None:
    assert place.aws is not None
    aws = clients_of(place.aws.url, place.aws.region)
    dead = RowLock(aws, "rollproof-locks", "mini", run=OLD, who="ann@there", seconds=-100)
    alive = RowLock(aws, "rollproof-locks", "another", run="x", who="bob@there", seconds=60)
    dead.take()
    alive.take()
    try:
        assert rollproof("sweep", str(system), "--yes").exit_code == 0
        assert dead.look() is None
        assert alive.look() is not None
    finally:
        alive.release()


@given(st.text())
def test_a_database_with_another_name_is_nobodys_leftover(name: str) -> None:
    assert (run_of_name(name) is None) == (NAME.fullmatch(name) is None)


def test_names_that_drills_give_are_known_again() -> None:
    assert run_of_name(OLD_NAME) == (OLD, datetime(2020, 1, 1, tzinfo=UTC))
    assert run_of_name(KEPT_NAME) is not None
    assert run_of_name("rollproof_metrics") is None
    assert run_of_name(f"my_{OLD_NAME}") is None


def test_nothing_is_removed_before_its_time() -> None:
    now = datetime.now(UTC)
    one = Leftover("database", "x", OLD, now + timedelta(seconds=1), lambda: None)
    assert one.why_not(now, ())
    assert not one.why_not(now + timedelta(seconds=1), ())
    assert one.why_not(now + timedelta(seconds=1), {OLD}) == "its run goes on"
    assert dataclasses.replace(one, expires=None).why_not(now, ())
    assert dataclasses.replace(one, stays="why").why_not(now + timedelta(days=1), ()) == "why"


def test_a_tag_that_cannot_be_read_keeps_what_bears_it() -> None:
    assert expires_at({EXPIRES_TAG: "soon"}) is None
    assert expires_at({EXPIRES_TAG: "2020-01-01"}) is None
    assert expires_at({RUN_TAG: OLD}) is None
    assert expires_at(drill_tags(OLD)) is not None
