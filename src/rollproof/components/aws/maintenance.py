"""The maintenance page: clients are told that work is going on, and nothing of the system serves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.front import SERVED, ask_front, tags_of
from rollproof.components.aws.gate import Gate
from rollproof.components.aws.reopening import KEPT, put_page_back
from rollproof.components.aws.shutdown import wait_until_shut
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_change import invalidate
from rollproof.components.aws.site_place import Place
from rollproof.components.aws.stack import outputs_of
from rollproof.components.commands import fill_in, run_command
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, SystemFileError
from rollproof.model.json import JsonObject
from rollproof.model.spec import Command

SHOWN = "maintenance page"
MARK = "rollproof-maintenance"
PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="{MARK}" content="on"><title>Maintenance</title></head>
<body><h1>We are at work</h1><p>The service is closed for maintenance and will be back soon.</p></body>
</html>
"""


class Maintenance:
    """Whether the page is on, and what it took the place of.

    Attributes:
        kept: bucket, key of the front page and distribution, by site.
        opened: sites that can be asked.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.kept: dict[str, Place] = {}
        self.opened: set[str] = set()

    def sites(self) -> list[str]:
        """The declared sites that are there; none in a scenario whose tags do not name sites."""
        specs = self.drill.system.site if "site" in tags_of(self.drill) else {}
        return [name for name, spec in specs.items() if spec.distribution and self._is_there(spec.stack)]

    def _is_there(self, stack: str | None) -> bool:
        if stack is None or stack not in self.drill.system.stack:
            return True
        try:
            outputs_of(self.cloud, self.cloud.fill(self.drill.system.stack[stack].name))
        except AttemptFailed:
            return False
        return True

    def page(self) -> bytes:
        """The declared page or Rollproof's own. Raises SystemFileError when it cannot be read."""
        declared = self.drill.system.maintenance.page
        if declared is None:
            return PAGE.encode()
        try:
            return Path(self.drill.system.root / declared).read_bytes()
        except OSError as error:
            raise SystemFileError(
                f"the maintenance page cannot be read ({error.strerror})",
                where=f"{self.drill.system.source}: maintenance.page",
                remedy="name an HTML file, relative to the system file",
            ) from error

    def show(self, name: str) -> None:
        """Puts the page in the front page's place. Raises AttemptFailed."""
        place, s3 = self.drill.use(Sites).place(name), self.cloud.client("s3")
        key = front_key(place)
        with calling("putting the maintenance page up", where=name):
            copied = {"Bucket": place.bucket, "Key": key}
            s3.copy_object(Bucket=place.bucket, Key=key + KEPT, CopySource=copied, MetadataDirective="COPY")
            self.kept[name] = place
            s3.put_object(
                Bucket=place.bucket,
                Key=key,
                Body=self.page(),
                ContentType="text/html; charset=utf-8",
                CacheControl="no-store",
            )
        invalidate(self.cloud.aws, place.distribution, ["/*"], limit=place.spec.propagation)

    def hide(self, name: str) -> None:
        """Puts the front page back as it was, headers and all. Raises AttemptFailed."""
        place = self.kept[name]
        put_page_back(self.cloud.client("s3"), place.bucket, front_key(place))
        del self.kept[name]
        invalidate(self.cloud.aws, place.distribution, ["/*"], limit=place.spec.propagation)

    def end(self) -> None:
        """Everything as it was before."""
        for name in list(self.kept):
            self.hide(name)
        self.drill.use(Gate).open()


def front_key(place: Place) -> str:
    """Key of the page that a site opens with."""
    return f"{place.folder}{place.root or place.spec.index}"


def ask_pages(drill: Drill) -> dict[str, str]:
    """What each site's front page is: `served`, the maintenance page, or what was answered instead."""
    maintenance, found = drill.use(Maintenance), {}
    for name in maintenance.sites():
        if name not in maintenance.opened:
            drill.use(Sites).open(name)
            maintenance.opened.add(name)
        answer = drill.use(Sites).visitor(name).ask("/")
        if answer.status != 200:
            found[f"site {name}"] = f"HTTP {answer.status}" if answer.status else answer.error
        else:
            found[f"site {name}"] = SHOWN if answer.body == maintenance.page() else SERVED
    return found


def _own_command(drill: Drill, command: Command, what: str) -> None:
    """Runs the system's own command. Raises AttemptFailed when it fails."""
    cloud = drill.use(Cloud)
    ran = run_command(
        cloud.environment,
        fill_in(command, **{**cloud.values, "dsn": ""}),
        name=f"the command that turns maintenance {what}",
        where=f"{drill.system.source}: maintenance.{what}",
        cwd=drill.system.root,
        environment=cloud.endpoint.program_environment(),
        limit=drill.system.maintenance.limit,
    )
    if ran.exit_code != 0:
        raise AttemptFailed(
            f"it ended with {ran.exit_code}; last it said: {ran.last_words}",
            doing=f"turning maintenance {what}",
            where=f"maintenance.{what}",
        )


@dataclass(frozen=True)
class MaintenanceOn(Act):
    """Closes the system to its clients: by its own command, or functions that may not run and a page."""

    name = "maintenance.on"

    def undo(self, drill: Drill) -> JsonObject | None:
        if drill.system.maintenance.on is not None or (shut := drill.use(Gate).undo()) is None:
            return None
        places = [drill.use(Sites).place(name) for name in drill.use(Maintenance).sites()]
        return {**shut, "pages": [[place.bucket, front_key(place)] for place in places]}

    def run(self, drill: Drill) -> JsonObject:
        maintenance, declared = drill.use(Maintenance), drill.system.maintenance
        drill.on_heal(maintenance.end)
        if declared.on is not None:
            _own_command(drill, declared.on, "on")
        else:
            for name in maintenance.sites():
                maintenance.show(name)
            drill.use(Gate).shut()
            wait_until_shut(drill)
        ask_front(drill, "shut")
        return {"items": maintenance.sites()}


@dataclass(frozen=True)
class MaintenanceOff(Act):
    """Looks once more at what clients get, then opens the system to them again."""

    name = "maintenance.off"

    def run(self, drill: Drill) -> JsonObject:
        ask_front(drill, "shut")
        maintenance, declared = drill.use(Maintenance), drill.system.maintenance
        if declared.off is not None:
            _own_command(drill, declared.off, "off")
        else:
            maintenance.end()
        drill.incident("executed")
        return {}


__all__ = ["SERVED", "SHOWN", "MaintenanceOff", "MaintenanceOn", "ask_pages"]
