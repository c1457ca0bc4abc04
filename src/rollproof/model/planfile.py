"""Reading a plan, and what its shape cannot tell: paths, dates, windows, addresses, secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from rollproof.features_folder import feature_path
from rollproof.model.calendar import never_starts
from rollproof.model.filechecks import secret_mistakes
from rollproof.model.mistakes import Mistake, say_value, validated
from rollproof.model.plan import Notify, Plan, files_of
from rollproof.model.tomlfile import read_toml

_CHANNEL_NEEDS = {
    "sns": ("topic",),
    "ses": ("sender", "to"),
    "slack": ("url_env",),
    "teams": ("url_env",),
    "email": ("server", "sender", "to"),
}
_CHANNEL_MAY = {
    "sns": ("profile", "region", "endpoint"),
    "ses": ("profile", "region", "endpoint"),
    "slack": (),
    "teams": (),
    "email": ("tls", "user_env", "password_env"),
}
_OF_ALL = {"who", "on", "channel"}


def read_plan(path: Path) -> Plan:
    """Reads and checks one plan. Its `source` is absolute; its paths are of the current folder.

    Raises:
        SystemFileError: the file cannot be read, or is wrong; then one line for every mistake.
    """
    file = read_toml(path, remedy="name a plan, such as drills/embedded.toml")
    plan = validated(Plan, file.data)
    mistakes = plan if isinstance(plan, list) else list(plan_mistakes(plan))
    mistakes += list(secret_mistakes(file.text, file.positions))
    if isinstance(plan, list) or mistakes:
        raise file.refuse([one for one in mistakes if one.path or one.line] or mistakes)
    return plan.model_copy(update={"source": path.absolute()})


def plan_mistakes(plan: Plan) -> Iterator[Mistake]:
    """Everything that is wrong with a plan whose shape is right."""
    yield from _missing(plan)
    yield from _tags(plan)
    yield from _times(plan)
    yield from _dates(plan)
    yield from _windows(plan)
    for number, one in enumerate(plan.notify):
        yield from _channel(one, ("notify", number))


def _tags(plan: Plan) -> Iterator[Mistake]:
    """As `pytest -m` would say, but with the plan's line, and before anything is collected."""
    if not plan.plan.tags:
        return
    from _pytest.mark.expression import Expression  # there is no public way

    try:
        Expression.compile(plan.plan.tags)
    except SyntaxError as error:
        yield Mistake(("plan", "tags"), f"{plan.plan.tags!r} is no marker expression: {error.msg}")


def _times(plan: Plan) -> Iterator[Mistake]:
    if not plan.schedule.start_within:
        yield Mistake(("schedule", "start_within"), "nothing starts in no time; say how late it may be, 1h")
    if not plan.abort.every:
        yield Mistake(("abort", "every"), "alarms cannot be looked at all the time; say how often, 5s")


def _missing(plan: Plan) -> Iterator[Mistake]:
    for key in ("systems", "features"):
        for number, name in enumerate(getattr(plan.plan, key)):
            if not name.strip():
                yield Mistake(("plan", key, number), "it is empty; name a file or a folder")
    for name in filter(str.strip, plan.plan.systems):
        found = files_of(name)
        if not found:
            yield Mistake(("plan", "systems"), f"no file matches {say_value(name)} in the current folder")
        for path in found:
            if not Path(path).exists():
                yield _absent("systems", path)
    for name in filter(str.strip, plan.plan.features):
        if feature_path(name) is None:
            yield _absent("features", name)


def _absent(key: str, name: str) -> Mistake:
    return Mistake(("plan", key), f"there is no file or folder {say_value(name)} in the current folder")


def _dates(plan: Plan) -> Iterator[Mistake]:
    for number, frozen in enumerate(plan.frozen):
        wrong = False
        for key in ("first", "last"):
            text = getattr(frozen, key)
            try:
                date.fromisoformat(text)
            except ValueError:
                wrong = True
                yield Mistake(("frozen", number, key), f"there is no day {text!r} in the calendar")
        if not wrong and frozen.last < frozen.first:
            said = f"the last day, {frozen.last}, is before the first, {frozen.first}"
            yield Mistake(("frozen", number, "last"), said)


def _windows(plan: Plan) -> Iterator[Mistake]:
    sound = not list(_dates(plan))
    for number, window in enumerate(plan.window):
        if window.opens in (window.closes, "24:00"):
            sound = False
            said = f"opens at {window.opens} and closes at {window.closes}, so it never opens"
            yield Mistake(("window", number, "opens"), said)
    if sound and never_starts(plan, datetime.now(UTC)):
        said = (
            f"{plan.schedule.cron!r} never falls due while a drill may start: see [[window]] and [[frozen]]"
        )
        yield Mistake(("schedule", "cron"), said)


def _channel(one: Notify, path: tuple[str, int]) -> Iterator[Mistake]:
    for key in _CHANNEL_NEEDS[one.channel]:
        if not getattr(one, key):
            yield Mistake((*path, key), f"missing; the channel {one.channel!r} needs it")
    yield from _addresses(one, path)
    known = {*_OF_ALL, *_CHANNEL_NEEDS[one.channel], *_CHANNEL_MAY[one.channel]}
    for key in sorted(one.model_fields_set - known):
        fit = ", ".join(sorted(known - _OF_ALL))
        yield Mistake((*path, key), f"does not fit the channel {one.channel!r}, which knows {fit}")
    if (one.user_env is None) != (one.password_env is None):
        given, lacking = ("user_env", "password_env") if one.user_env else ("password_env", "user_env")
        yield Mistake((*path, lacking), f"missing; {given} is of no use without it")
    if one.password_env and one.tls == "none":
        yield Mistake((*path, "tls"), "a password would be sent in the clear; use 'starttls' or 'tls'")


def _addresses(one: Notify, path: tuple[str, int]) -> Iterator[Mistake]:
    """What would end a header of a mail, or lead to no server."""
    for key, text in (("who", one.who), ("sender", one.sender or ""), *(("to", name) for name in one.to)):
        if not text.isprintable():
            yield Mistake((*path, key), f"found {text!r}, expected one line")
    if one.server and int(one.server.rpartition(":")[2]) not in range(1, 65536):
        yield Mistake((*path, "server"), f"found {one.server!r}, expected a port from 1 to 65535")
    if one.endpoint and not one.endpoint.startswith(("https://", "http://")):
        yield Mistake((*path, "endpoint"), f"found {one.endpoint!r}, expected https://HOST")
