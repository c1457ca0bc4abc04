"""A service and a timer for systemd, in the plan's own time zone."""

from __future__ import annotations

from rollproof.model.cron import Cron
from rollproof.model.plan import Plan
from rollproof.plans.emit.base import Emitted, Target, command, cron_of, header, needed, plain, ranges

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_SPECIAL = set(" \t\"'\\%$;")


def systemd(plan: Plan, target: Target) -> Emitted:
    """`rollproof-NAME.service` and `.timer`. Time zones in timers need systemd 235."""
    cron = cron_of(plan)
    folder = needed(target.folder, "--folder FOLDER", "where the project is on that machine", plan)
    name = f"rollproof-{plan.name}"
    notes = (
        f"systemctl enable --now {name}.timer",
        "A run that was missed while the machine was off is not caught up: `rollproof drill list` shows it.",
    )
    files = {f"{name}.service": _service(plan, target, folder), f"{name}.timer": _timer(plan, cron)}
    return Emitted(files, notes)


def _service(plan: Plan, target: Target, folder: str) -> str:
    program = f"{folder.rstrip('/')}/.venv/bin/rollproof"
    words = " ".join(_quoted(word) for word in [program, *command(plan)[1:]])
    lines = [
        "[Unit]",
        f"Description=Rollback drill {plan.name}",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_unquoted(plain(folder, '--folder'))}",
        *([f"User={_unquoted(plain(target.user, '--user'))}"] if target.user else []),
        f"EnvironmentFile=-/etc/rollproof/{plan.name}.env",
        f"ExecStart={words}",
        "# Ctrl-C's signal: the drill puts things back before it ends",
        "KillSignal=SIGINT",
        "TimeoutStopSec=300",
    ]
    return header(plan, "systemd") + "\n".join(lines) + "\n"


def _timer(plan: Plan, cron: Cron) -> str:
    lines = [
        "[Unit]",
        f"Description=When the rollback drill {plan.name} falls due",
        "",
        "[Timer]",
        f"OnCalendar={calendar(cron, plan.plan.timezone)}",
        "AccuracySec=1s",
        "Persistent=false",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return header(plan, "systemd") + "\n".join(lines) + "\n"


def calendar(cron: Cron, timezone: str) -> str:
    """systemd's own form: `Mon..Fri *-01,04-01 03:00:00 America/Sao_Paulo`."""
    weekdays = ",".join(_DAYS[day] for day in sorted(cron.weekdays))
    days = _list(cron.days, range(1, 32))
    times = f"{_list(cron.hours, range(24))}:{_list(cron.minutes, range(60))}:00"
    said = f"*-{_list(cron.months, range(1, 13))}-{days} {times} {timezone}"
    return said if len(cron.weekdays) == 7 else f"{weekdays} {said}"


def _list(values: frozenset[int], everything: range) -> str:
    return ranges(values, everything).replace("-", "..")


def _unquoted(path: str) -> str:
    """Where systemd takes the whole line for a path: only `%` is special."""
    return path.replace("%", "%%")


def _quoted(word: str) -> str:
    """systemd's quoting of a command: `%` and `$` are doubled, the rest goes between double quotes."""
    word = _unquoted(word).replace("$", "$$")
    if not _SPECIAL & set(word) - {"%", "$"}:
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
