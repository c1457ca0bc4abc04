"""Settings of a system: what they are, which of them changed, and how they are put back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rollproof.components import serviceconfig
from rollproof.components.aws.appconfig import Configuration
from rollproof.components.aws.cloud import BEFORE, Cloud, readable, reader
from rollproof.components.aws.digests import digest_of
from rollproof.components.aws.function import Functions
from rollproof.components.aws.parameters import Parameters
from rollproof.components.aws.services import ServiceReleases
from rollproof.components.aws.setting import Store, Version
from rollproof.components.aws.targets import Target
from rollproof.components.aws.variables import Variables
from rollproof.components.aws.watching import watched_targets
from rollproof.components.service import Services
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Settings as Spec
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import Json, JsonObject
from rollproof.workload.samples import Outcome

MOST_AT_ONCE = 8


class Settings:
    """The settings of a scenario.

    Attributes:
        known: what they were when all was well, by key of `[settings.*]`.
        changed: names of those that the diagnosis found changed since.
        left_out: endpoints that the release which ran then does not have; nobody asks for them.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self._stores: dict[str, Store] = {}
        self.known: dict[str, list[Version]] = {}
        self.changed: list[str] = []
        self.left_out: frozenset[str] = frozenset()

    @property
    def cloud(self) -> Cloud:
        return self.drill.use(Cloud)

    def stores(self) -> dict[str, Store]:
        """Every declared store by key. Raises BadInput for one that is not declared whole."""
        for key, spec in self.drill.system.settings.items():
            if key not in self._stores:
                self._stores[key] = self._store(key, spec)
        return self._stores

    def _store(self, key: str, spec: Spec) -> Store:
        where = f"{self.drill.system.source}: settings.{key}"
        if spec.kind == "ssm":
            if not spec.path:
                raise BadInput("settings of kind `ssm` need a `path`", where=where, remedy="give it")
            return Parameters(self.cloud, self.cloud.fill(spec.path))
        if spec.kind == "appconfig":
            return Configuration(self.cloud, key, spec)
        if spec.kind == serviceconfig.KIND:
            return serviceconfig.ServiceVariables(self.drill, key, spec)
        if spec.function not in self.drill.system.function:
            raise BadInput(
                "settings of kind `environment` need the `function` whose they are",
                where=where,
                remedy="name a declared [function.*]",
            )
        return Variables(self.cloud, spec.function)

    def of_kind(self, kind: str) -> tuple[str, Store, Spec]:
        """The first declared store of a kind that has a wrong value to set. Raises NotApplicable."""
        for key, spec in self.drill.system.settings.items():
            if spec.kind == kind and spec.wrong:
                return key, self.stores()[key], spec
        raise NotApplicable(
            f"system {self.drill.system.name} declares no settings of kind {kind!r} with a `wrong` value"
        )

    def find_changed(self) -> dict[str, list[Version]]:
        """What is not what it was when all was well, by key; what is gone counts as changed."""
        found = {}
        for key, known in self.known.items():
            now = {item.name: item.digest for item in self.stores()[key].versions()}
            if changed := [item for item in known if now.get(item.name) != item.digest]:
                found[key] = changed
        return found


@reader("settings")
def read_settings(cloud: Cloud) -> Fingerprint:
    """All declared settings. Of values there is a keyed digest only: any of them may hold a secret."""
    stores = cloud.drill.use(Settings).stores().values()
    return Fingerprint.of(fact for store in stores for fact in store.facts())


@dataclass(frozen=True)
class RememberSettings(Act):
    """Notes what the settings are while all is well, and what must not change with them."""

    name = "settings.remember"

    def run(self, drill: Drill) -> JsonObject:
        settings, cloud = drill.use(Settings), drill.use(Cloud)
        settings.known = {key: store.versions() for key, store in settings.stores().items()}
        names = [item.to_json() for known in settings.known.values() for item in known]
        if not names:
            raise PreconditionNotMet(
                "no setting is there",
                doing="remembering the settings",
                where=f"{drill.system.source}: settings",
                remedy="deploy the release that brings them first, or correct where they are said to be",
            )
        kinds = {"settings", "secret", "function"} & drill.system.components & readable()
        cloud.look(BEFORE, *sorted(kinds))
        note_code(drill, "before")
        settings.left_out = _not_had(drill)
        return {"items": names, "count": len(names), "left_out": sorted(settings.left_out)}


def _not_had(drill: Drill) -> frozenset[str]:
    """Declared endpoints of services that do not answer as they should while all is well."""
    if not any(service.endpoint for service in drill.system.service.values()):
        return frozenset()
    healths = {f"service.{name} {service.health}" for name, service in drill.system.service.items()}
    asked = [
        target
        for target in watched_targets(drill)
        if target.group.startswith("service.") and target.name not in healths
    ]
    return frozenset(name for name, outcome in _outcomes(asked) if outcome != "ok")


@observer("code")
def look_at_code(drill: Drill) -> None:
    """Reads again which code serves."""
    note_code(drill, "after")


def note_code(drill: Drill, label: str) -> None:
    """Records which code serves behind each function, and in each service that runs."""
    there = drill.use(Functions).there().values() if drill.system.function else ()
    items: list[Json] = [{"function": serving.key, "code": serving.code} for serving in there]
    items += [{"function": f"service {name}", "code": code} for name, code in code_of_services(drill).items()]
    drill.recorder.note("code.served", {"label": label, "items": items})


def code_of_services(drill: Drill) -> dict[str, Json]:
    """What each service runs: its program, arguments and the folder of its release; or its image."""
    running = drill.use(Services).running.items()
    found: dict[str, Json] = {
        name: digest_of([*keeper.spec.argv, str(keeper.spec.cwd)]) for name, keeper in running
    }
    if drill.uses(ServiceReleases):
        releases = drill.use(ServiceReleases)
        found |= {name: digest_of(releases.runner(name).image) for name in releases.served}
    return found


@dataclass(frozen=True)
class DiagnoseSettings(Act):
    """Asks the system how it is, and its settings' histories what changed since all was well."""

    name = "settings.diagnose"

    def run(self, drill: Drill) -> JsonObject:
        settings = drill.use(Settings)
        problems = ill_targets(drill)
        found = settings.find_changed()
        settings.changed = sorted(item.name for changed in found.values() for item in changed)
        drill.incident(
            "detected", findings=problems, cause="; ".join(settings.changed) or "no setting changed"
        )
        if not settings.changed:
            raise AttemptFailed(
                "no setting is other than it was when all was well",
                doing="looking for a setting that changed",
                remedy="look at the code, its versions and the database instead",
            )
        drill.incident("decided", decision="put the settings back, leave the code alone")
        return {"items": list(settings.changed), "findings": problems}


def asked_targets(drill: Drill) -> list[Target]:
    """What is asked: all that can be, but for what the release never had."""
    left_out = drill.use(Settings).left_out
    return [target for target in watched_targets(drill) if target.name not in left_out]


def ill_targets(drill: Drill) -> list[str]:
    """What does not answer as it should."""
    return [f"{name}: {outcome}" for name, outcome in _outcomes(asked_targets(drill)) if outcome != "ok"]


def _outcomes(targets: Sequence[Target]) -> list[tuple[str, Outcome]]:
    """All of them asked once, at the same time."""
    with ThreadPoolExecutor(max(1, min(len(targets), MOST_AT_ONCE))) as pool:
        answers = list(pool.map(_ask_once, targets))
    return [(target.name, outcome) for target, outcome in zip(targets, answers, strict=True)]


def _ask_once(target: Target) -> Outcome:
    asking = target.open()
    try:
        return asking.ask()
    finally:
        asking.close()


@dataclass(frozen=True)
class RollBackSettings(Act):
    """Puts back what changed since all was well, each from its own history."""

    name = "settings.roll_back"
    done: list[str] = field(default_factory=list, compare=False)

    def prepare(self, drill: Drill) -> None:
        if not drill.use(Settings).known:
            raise PreconditionNotMet(
                "nobody noted what the settings were",
                remedy="add `Given the settings are known as they are now`",
            )

    def run(self, drill: Drill) -> JsonObject:
        settings = drill.use(Settings)
        restored = [
            settings.stores()[key].restore(item).to_json()
            for key, changed in settings.find_changed().items()
            for item in changed
        ]
        if not restored:
            raise AttemptFailed(
                "no setting is other than it was when all was well", doing="putting settings back"
            )
        drill.incident("executed")
        return {"items": restored, "count": len(restored)}


@dataclass(frozen=True)
class AskSystem(Act):
    """Asks what `[watch] ask` names, or everything that the system answers, once: does it work?"""

    name = "system.ask"

    def run(self, drill: Drill) -> JsonObject:
        targets = asked_targets(drill)
        problems = ill_targets(drill)
        if drill.history.last("incident.executed") is not None and not problems:
            drill.incident("verified")
        return {
            "count": len(targets),
            "failed": len(problems),
            "findings": problems,
            "left_out": sorted(drill.use(Settings).left_out),
        }
