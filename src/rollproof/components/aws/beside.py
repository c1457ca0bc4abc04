"""What stands beside the answers in a watch: logs, connections of the database, states of alarms."""

from __future__ import annotations

from importlib.resources import files

from psycopg import Connection

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.logs import MOST_LINES, is_error, read_lines
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.workload.samples import AlarmState, Connections, LogCount

OWN_NAME = "rollproof"
MISSING = "ResourceNotFoundException"
_ACTIVITY = files("rollproof.components.postgres").joinpath("sql/activity.sql").read_text("utf-8")


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
    lines = read_lines(cloud, group, since_ms=since_ms)
    return LogCount(group, len(lines), sum(is_error(line.text) for line in lines))


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
