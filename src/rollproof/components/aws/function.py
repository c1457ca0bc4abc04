"""Lambda functions: which version serves, what it is as facts, and who answers when it is called."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import BEFORE, Cloud, reader
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.functionfacts import facts_of
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed
from rollproof.model.aws import Function
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import Json
from rollproof.privacy.known import remember_variables
from rollproof.waiting import eventually

LATEST = "$LATEST"
SETTLE_SECONDS = 120.0
"""How long a function may be Pending or its update InProgress after a change of code or network."""
_DOWNLOAD_SECONDS = 60.0
_ANSWERED = "statusCode"


@dataclass(frozen=True, slots=True)
class Serving:
    """Which version of a function serves, as its alias says.

    Attributes:
        key: of the `[function.*]`.
        name: in the account.
        version: `7`; `$LATEST` for a function without an alias.
        weights: versions that get a share besides, by their number (a canary).
        code: digest of the version's code, see `Functions.code_of`.
        configuration: AWS' whole answer about that version; holds values of variables.
    """

    key: str
    name: str
    alias: str
    version: str
    weights: Mapping[str, float]
    code: str
    configuration: Mapping[str, Any] = field(repr=False)

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of the version that serves. They may be secret."""
        found: Mapping[str, str] = self.configuration.get("Environment", {}).get("Variables", {})
        remember_variables(found)
        return found

    @property
    def log_group(self) -> str:
        logging: Mapping[str, str] = self.configuration.get("LoggingConfig", {})
        return logging.get("LogGroup") or f"/aws/lambda/{self.name}"

    def to_json(self) -> dict[str, Json]:
        return {
            "function": self.key,
            "alias": self.alias,
            "version": self.version,
            "weights": dict(self.weights),
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """How a version answered one event.

    Attributes:
        version: the version that ran, as AWS says in the answer's header; empty when none did.
        error: `Unhandled` and the like when the function failed; empty when it answered.
        refusal: AWS' own word for not running it at all: `TooManyRequestsException`.
        kind: the error's type; `text`: its message. They may hold personal data.
    """

    version: str
    error: str = ""
    refusal: str = ""
    kind: str = ""
    text: str = field(default="", repr=False)

    @property
    def well(self) -> bool:
        return not self.error and not self.refusal

    @property
    def raised(self) -> bool:
        """Whether the function let an exception through, so that Lambda counts an error."""
        return bool(self.error) and not self.error.startswith(_ANSWERED)


class Functions:
    """The functions that a scenario has met.

    Attributes:
        before: what served when all was well, by key; what a rollback goes back to.
        calls: after which event each function was called by this drill itself, by key.
        logged: functions whose log group was there while all was well; Lambda makes one at a first call.
        stacks: keys of the stacks that the scenario deploys; all when empty.
    """

    def __init__(self, drill: Drill) -> None:
        self.cloud = drill.use(Cloud)
        self.before: dict[str, Serving] = {}
        self.calls: dict[str, list[int]] = {}
        self.logged: frozenset[str] = frozenset()
        self.stacks: tuple[str, ...] = ()
        self._codes: dict[str, str] = {}

    def declared(self) -> dict[str, Function]:
        return dict(self.cloud.system.function)

    def there(self) -> dict[str, Serving]:
        """What serves now, of every declared function that is there.

        Raises AttemptFailed: a function is there and its alias is not, or AWS refuses to say.
        """
        return {key: self.serving(key) for key in self.declared() if self.exists(key)}

    def exists(self, key: str) -> bool:
        """Whether there is such a function at all. Raises AttemptFailed when AWS refuses to say."""
        try:
            self.version(key, LATEST)
        except AttemptFailed as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            return False
        return True

    def serving(self, key: str, *, alias: str | None = None) -> Serving:
        """What serves now, behind the declared alias if none is given; an empty one is `$LATEST`.

        Raises AttemptFailed: there is no such function, alias or version, or AWS refuses to say.
        """
        spec = self.declared()[key]
        name, client = self.cloud.fill(spec.name), self.cloud.client("lambda")
        version = LATEST
        weights: Mapping[str, float] = {}
        if wanted := spec.alias if alias is None else alias:
            with calling("asking where an alias points", where=f"{name}:{wanted}"):
                found = client.get_alias(FunctionName=name, Name=wanted)
            version = found["FunctionVersion"]
            weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        said = self.version(key, version)
        return Serving(key, name, wanted, version, weights, self.code_of(name, version, said), said)

    def version(self, key: str, version: str) -> dict[str, Any]:
        """AWS' answer about one version. Raises AttemptFailed when it is not there."""
        name = self.cloud.fill(self.declared()[key].name)
        with calling("asking for a function's version", where=f"{name}:{version}"):
            said: dict[str, Any] = self.cloud.client("lambda").get_function_configuration(
                FunctionName=name, Qualifier=version
            )
        return said

    def code_of(self, name: str, version: str, said: Mapping[str, Any]) -> str:
        """A digest of what is in the version's package, however it was zipped; of an image its SHA-256."""
        sha = str(said.get("CodeSha256", ""))
        if sha not in self._codes:
            self._codes[sha] = self._unpacked(name, version, said.get("PackageType") == "Image") or sha
        return self._codes[sha]

    def _unpacked(self, name: str, version: str, image: bool) -> str:
        """Empty when the package cannot be had: then its SHA-256 must do."""
        if image:
            return ""
        with calling("downloading a function's code", where=f"{name}:{version}"):
            place = self.cloud.client("lambda").get_function(FunctionName=name, Qualifier=version)["Code"]
        try:
            answer = httpx.get(
                place.get("Location", ""), timeout=_DOWNLOAD_SECONDS, trust_env=False, verify=_verify(place)
            )
            answer.raise_for_status()
            return digest_of_package(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL, zipfile.BadZipFile):
            return ""

    def call(self, key: str, qualifier: str, *, event: Mapping[str, object] | None = None) -> Call:
        """Has a version or alias answer an event, the declared one if none is given.

        Raises AttemptFailed or EnvironmentUnavailable when AWS cannot be asked.
        """
        spec = self.declared()[key]
        name = self.cloud.fill(spec.name)
        self.calls.setdefault(key, []).append(self.cloud.drill.history.events[-1].seq)
        try:
            with calling("calling a function", where=f"{name}:{qualifier}"):
                answer = self.cloud.client("lambda").invoke(
                    FunctionName=name, Qualifier=qualifier, Payload=json.dumps(event or spec.payload).encode()
                )
                body = answer["Payload"].read()
        except AttemptFailed as error:
            if not code_of(error):
                raise
            return Call("", refusal=code_of(error), text=error.found)
        return _call(answer, body)

    def calls_since(self, key: str, seq: int) -> int:
        """How often this drill itself has called a function after an event; the API's calls come on top."""
        return sum(after >= seq for after in self.calls.get(key, []))

    def tries(self, key: str) -> bool:
        """Whether the function can be tried: by its declared event, or through an API."""
        apis = self.cloud.system.api.values()
        return bool(self.declared()[key].payload) or any(key in api.functions for api in apis)

    def settle(self, name: str, qualifier: str = LATEST) -> None:
        """Waits until a function can be called after a change. Raises AttemptFailed when it never can."""

        def settled() -> bool:
            with calling("waiting for a function", where=name):
                said: dict[str, Any] = self.cloud.client("lambda").get_function_configuration(
                    FunctionName=name, Qualifier=qualifier
                )
            if "Failed" in (said.get("State"), said.get("LastUpdateStatus")):
                why = said.get("LastUpdateStatusReason") or said.get("StateReason") or "no reason given"
                raise AttemptFailed(f"the function cannot be used: {why}", where=name)
            return not {"Pending", "InProgress"} & {said.get("State"), said.get("LastUpdateStatus")}

        eventually(settled, within=SETTLE_SECONDS, what=f"{name} is ready")


def _verify(place: Mapping[str, str]) -> bool:
    return place.get("Location", "").startswith("https:")


def _call(answer: Mapping[str, Any], body: bytes) -> Call:
    version = str(answer.get("ExecutedVersion", ""))
    said = _object(body)
    if error := answer.get("FunctionError"):
        return Call(
            version, error, kind=str(said.get("errorType", "")), text=str(said.get("errorMessage", ""))
        )
    status = said.get("statusCode")
    if isinstance(status, int) and status >= 500:
        return Call(version, f"{_ANSWERED} {status}", text=str(said.get("body", "")))
    return Call(version)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def digest_of_package(package: bytes) -> str:
    """SHA-256 over names and contents in a zip file; times, order and compression do not count.

    Raises zipfile.BadZipFile.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for item in sorted(archive.infolist(), key=lambda item: item.filename):
            if not item.is_dir():
                content = hashlib.sha256(archive.read(item)).hexdigest()
                digest.update(f"{len(item.filename)}:{item.filename}:{content}\n".encode())
    return digest.hexdigest()


@reader("function")
def read_functions(cloud: Cloud) -> Fingerprint:
    """What serves: each function's configuration, code and permissions, through its alias.

    Not its other versions, nor what `$LATEST` holds while an alias serves another version: a rollback
    by alias leaves both as they are. Nor the version's number: going back by a deploy makes a new one.
    """
    return Fingerprint.of(fact for fact in _facts(cloud))


def _facts(cloud: Cloud) -> Iterator[Any]:
    functions, digests = cloud.drill.use(Functions), cloud.drill.use(Digests)
    for serving in _read(functions):
        codes = {
            version: functions.code_of(serving.name, version, functions.version(serving.key, version))
            for version in serving.weights
        }
        yield from facts_of(cloud, serving, codes=codes, digests=digests)


def _read(functions: Functions) -> Iterator[Serving]:
    """What serves of each function that is there; where an alias is gone since, `$LATEST` and no alias."""
    for key in functions.declared():
        if not functions.exists(key):
            continue
        try:
            yield functions.serving(key)
        except AttemptFailed as error:
            if code_of(error) != "ResourceNotFoundException" or BEFORE not in functions.cloud.seen:
                raise
            yield functions.serving(key, alias="")


@observer("functions")
def look_at_functions(drill: Drill) -> None:
    """Where each alias points, and which version really answers a call through it."""
    functions = drill.use(Functions)
    items: list[Json] = [_seen(functions, key) for key in functions.before or functions.there()]
    drill.recorder.note("functions.seen", {"label": "after", "items": items})


def _seen(functions: Functions, key: str) -> dict[str, Json]:
    try:
        serving = functions.serving(key)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return {"function": key, "found": error.found}
    if not functions.declared()[key].payload:
        return serving.to_json() | {"answered": None}
    call = functions.call(key, serving.alias or LATEST)
    said: dict[str, Json] = {"answered": call.version, "error": call.error, "refusal": call.refusal}
    return serving.to_json() | said
