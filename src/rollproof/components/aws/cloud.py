"""The account under drill: one scenario's own where there can be many, and what is known of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from psycopg.conninfo import make_conninfo

from rollproof.components.aws.clients import Aws
from rollproof.components.commands import fill_in
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill, observer
from rollproof.environments.base import AwsEndpoint
from rollproof.errors import PreconditionNotMet
from rollproof.fingerprint import compare
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import Json
from rollproof.model.resources import LEFT_OUT, MISSING, UNREAD

Reader = Callable[["Cloud"], Fingerprint]
_READERS: dict[str, Reader] = {}
BEFORE = "before"


def reader(kind: str) -> Callable[[Reader], Reader]:
    """Registers how the components of a kind (`function`, `site`…) are read: what they *are*, as facts.

    What AWS changes by itself (dates, revision ids, ETags of configurations) is no fact.
    """

    def register(function: Reader) -> Reader:
        if _READERS.get(kind, function) is not function:
            raise ValueError(f"two readers for {kind}")
        _READERS[kind] = function
        return function

    return register


def readable() -> frozenset[str]:
    """The kinds of component that can be read."""
    return frozenset(_READERS)


class Cloud:
    """Where one scenario works in AWS. Steps reach it through acts only.

    Attributes:
        release: name of the release that was deployed last; empty before the first.
        seen: fingerprints by label and kind of component.
        database_at: host and port that functions are told in place of the server's own, if any.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.system = drill.system
        self.environment = drill.session.open(drill.system)
        self.release = ""
        self.seen: dict[str, dict[str, Fingerprint]] = {}
        self.database_at: tuple[str, int] | None = None

    @cached_property
    def endpoint(self) -> AwsEndpoint:
        """Where the account is, opened when first asked for: a system may have nothing in it."""
        return self.environment.aws(account=_fresh_account())

    @cached_property
    def aws(self) -> Aws:
        return Aws(self.endpoint)

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def provide(self, service: str, url: str) -> None:
        """From now on this service is asked where the suite provides it, and so do the system's commands."""
        self.endpoint = replace(self.endpoint, others={**self.endpoint.others, service: url})
        self.aws = Aws(self.endpoint)

    def fill(self, text: str, **more: str) -> str:
        """A text of the system file with `{env}`, `{account}`, `{region}` and `more` filled in."""
        return fill_in([text], **{**self.values, **more})[0]

    @property
    def values(self) -> Mapping[str, str]:
        """What placeholders stand for, but for `{dsn}`, which is a secret: see `dsn`."""
        return {
            "env": getattr(self.environment, "label", self.environment.name),
            "account": self.endpoint.account,
            "region": self.endpoint.region,
            "release": self.release,
        }

    @property
    def dsn(self) -> str:
        """The scenario's database, as the application's role. Raises PreconditionNotMet: none is staged."""
        bench = self.drill.use(Bench)
        dsn = bench.server.conninfo(bench.name, user=bench.app_role)
        there = getattr(self.environment, "database_for_functions", None)  # where functions run elsewhere
        host, port = self.database_at or there or ("", 0)
        return make_conninfo(dsn, host=host, port=port) if host else dsn

    def look(self, label: str, *kinds: str) -> None:
        """Reads the components of these kinds and keeps them under `label`; the journal has the facts.

        Raises AttemptFailed when one cannot be read.
        """
        for kind in kinds:
            seen = _READERS[kind](self)
            self.seen.setdefault(label, {})[kind] = seen
            attachment = self.drill.recorder.journal.attachments.put(seen.to_json())
            said: dict[str, Json] = {
                "label": label,
                "kind": kind,
                "fingerprint": attachment,
                "count": len(seen.facts),
            }
            self.drill.recorder.note("observe.resources", said)

    def compare(self, kind: str, *, label: str, against: str = BEFORE) -> None:
        """Records how the components of a kind differ between two looks."""
        before = self.seen.get(against, {}).get(kind)
        if before is None:
            raise PreconditionNotMet(f"nobody looked at the {kind} {against}", doing="comparing resources")
        differences = compare(before, self.seen[label][kind])
        self.drill.recorder.note(
            "resources.compared",
            {
                "label": label,
                "against": against,
                "kind": kind,
                "count": len(before.facts),
                "unread": unread(before, self.seen[label][kind], kinds=(UNREAD, MISSING)),
                "left_out": unread(before, self.seen[label][kind], kinds=(LEFT_OUT,)),
                "differences": self.drill.recorder.journal.attachments.put(
                    [d.to_json() for d in differences]
                ),
            },
        )


def unread(*seen: Fingerprint, kinds: tuple[str, ...]) -> list[str]:
    """What nobody here could read, so that nothing is known of it: `Shop-dev/Gate (Custom::Gate)`."""
    facts = [fact for fingerprint in seen for fact in fingerprint.facts.values() if fact.kind in kinds]
    return sorted({f"{fact.name} ({fact.attributes.get('type')})" for fact in facts})


def _fresh_account() -> str:
    """12 digits that no other scenario has; not one that an emulator treats as its default."""
    return str(secrets.randbelow(8 * 10**11) + 10**11)


@observer("resources")
def look_at_resources(drill: Drill) -> None:
    """Reads again every kind that was read before, after everything that was done, and compares."""
    cloud = drill.use(Cloud)
    for kind in list(cloud.seen.get(BEFORE, {})):
        cloud.look("after", kind)
        cloud.compare(kind, label="after")
