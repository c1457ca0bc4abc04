"""Faults of a system's configuration: a wrong value that a person, or a script, has set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from rollproof.components import serviceconfig
from rollproof.components.aws.appconfig import Configuration
from rollproof.components.aws.serviceundo import undo_service
from rollproof.components.aws.settings import Settings
from rollproof.drill.drill import Drill
from rollproof.errors import NotApplicable
from rollproof.faults.base import Fault
from rollproof.model.json import Json, JsonObject

SLOW_STRATEGY = "AppConfig.Linear50PercentEvery30Seconds"
"""One that AWS itself brings in every account."""


@dataclass(frozen=True)
class WrongSetting(Fault):
    """Sets the `wrong` values that the system file declares for settings of a kind.

    Attributes:
        kind: `ssm`, `appconfig`, `environment` or `service-environment`.
        halfway: for AppConfig: the wrong configuration is still being deployed.
    """

    kind: str
    halfway: bool = False

    def prepare(self, drill: Drill) -> None:
        settings = drill.use(Settings)
        settings.of_kind(self.kind)
        bound = self.kind != serviceconfig.KIND or "apprunner" in self._runners(drill).values()
        if bound and not settings.cloud.endpoint.private:
            raise NotApplicable(
                "wrong settings are set in private accounts only: nobody could put them back after a kill"
            )

    def _runners(self, drill: Drill) -> dict[str, str]:
        """What runs those of the services that this scenario has deployed in the account, by their keys."""
        if self.kind != serviceconfig.KIND:
            return {}
        _, _, spec = drill.use(Settings).of_kind(self.kind)
        deployed = [name for name in spec.services if serviceconfig.is_run_by_aws(drill, name)]
        return {name: drill.system.service[name].runner for name in deployed}

    def undo(self, drill: Drill) -> JsonObject | None:
        """The revision of each ECS service that has the variables of before; it names no value.

        App Runner keeps no revision of a configuration to go back to, so `prepare` refuses there.
        """
        undone = [found for name in self._runners(drill) if (found := undo_service(drill, name)) is not None]
        items = [item for one in undone for item in cast(list[Json], one["items"])]
        return {**undone[0], "items": items} if undone else None

    def describe(self, drill: Drill) -> JsonObject:
        key, _, spec = drill.use(Settings).of_kind(self.kind)
        return {"kind": type(self).__name__, "name": key, "items": sorted(spec.wrong)}

    def inject(self, drill: Drill) -> JsonObject:
        _, store, spec = drill.use(Settings).of_kind(self.kind)
        if self.halfway and isinstance(store, Configuration):
            names = store.change(spec.wrong, strategy=SLOW_STRATEGY)
        else:
            names = store.change(spec.wrong)
        drill.incident("fault", cause=f"wrong values of {', '.join(sorted(spec.wrong))}", items=names)
        return {"items": names}

    def took_hold(self, drill: Drill) -> bool:
        """Whether something is now other than it was: a deployment that is under way need not be felt yet."""
        key, store, _ = drill.use(Settings).of_kind(self.kind)
        if self.halfway:
            return any(fact.attributes.get("deployment under way") for fact in store.facts())
        return key in drill.use(Settings).find_changed()
