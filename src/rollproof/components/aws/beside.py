"""What stands beside the answers in a watch: logs, connections of the database, states of alarms."""

from __future__ import annotations

import re
from importlib.resources import files

from psycopg import Connection

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.workload.samples import AlarmState, Connections, LogCount

OWN_NAME = "rollproof"
MOST_LINES = 20_000
"""Lines of one log group that are read; more are not, and that is said."""
MISSING = "ResourceNotFoundException"
_ERROR = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL|PANIC)\b|Traceback \(most recent call last\)|Task timed out"
    r"|\"?error(?:Message|Type)\"?\s*:|\b(?:Runtime\.)?[A-Z]\w*(?:Error|Exception)\b"
)
_ACTIVITY = files("rollproof.components.postgres").joinpath("sql/activity.sql").read_text("utf-8")


def tells_of_error(line: str) -> bool:
    """Whether a line of a log is one that a person who looks for errors would stop at."""
    return _ERROR.search(line) is not None


def count_logs(cloud: Cloud, *, since_ms: int) -> tuple[list[LogCount], list[str]]:
    """Lines and errors in the log group of every declared function, and what could not be read.

    Args:
        since_ms: milliseconds since 1970, by this machine's clock.
    """
    counted, trouble = [], []
    for spec in cloud.system.function.values():
        group = cloud.fill(spec.log_group) if spec.log_group else f"/aws/lambda/{cloud.fill(spec.name)}"
        try:
            counted.append(_count(cloud, group, since_ms))
        except AttemptFailed as error:
            if code_of(error) == MISSING:
                counted.append(LogCount(group, 0, 0))
            else:
                trouble.append(f"log {group}: {error.found}")
    too_many = [
        f"log {item.group}: only {MOST_LINES} lines read" for item in counted if item.lines >= MOST_LINES
    ]
    return counted, trouble + too_many


def _count(cloud: Cloud, group: str, since_ms: int) -> LogCount:
    lines = errors = 0
    with calling("reading a log", where=group):
        pages = cloud.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=since_ms):
            lines += len(page["events"])
            errors += sum(tells_of_error(event["message"]) for event in page["events"])
            if lines >= MOST_LINES:
                break
    return LogCount(group, lines, errors)


def alarm_states(cloud: Cloud, at_us: int) -> list[AlarmState]:
    """The states of all declared alarms. Raises AttemptFailed; an alarm that is not there has none."""
    names = [cloud.fill(spec.name) for spec in cloud.system.alarm.values()]
    with calling("asking for the states of alarms"):
        found = cloud.client("cloudwatch").describe_alarms(AlarmNames=names) if names else {}
    return [
        AlarmState(at_us, item["AlarmName"], item["StateValue"])
        for kind in ("MetricAlarms", "CompositeAlarms")
        for item in found.get(kind, [])
    ]


def has_database(drill: Drill) -> bool:
    """Whether a database was staged for this scenario."""
    return drill.system.database is not None and drill.uses(Bench) and bool(drill.use(Bench).database)


def activity(conn: Connection, database: str) -> tuple[int, int, int, int]:
    """Connections in use, sessions that wait for a lock, sessions at work, and the most connections."""
    row = conn.execute(_ACTIVITY.encode(), {"own": OWN_NAME, "database": database}).fetchone()
    used, waiting, active, most = row or (0, 0, 0, 0)
    return int(used), int(waiting), int(active), int(most)


def connections(found: tuple[int, int, int, int], at_us: int) -> Connections:
    used, waiting, _, most = found
    return Connections(at_us, used, waiting, most)
