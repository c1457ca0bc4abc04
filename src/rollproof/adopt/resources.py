"""[function.*], [api.*], [table.*], [site.*], [secret.*], [settings.*], [alarm.*] and [notifications]: what
the resources of templates are in a system file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.cfnvalues import references
from rollproof.adopt.documents import table
from rollproof.adopt.folder import Repository, apart, slug
from rollproof.adopt.templates import StackFile

_UNNAMED = "the template gives it no fixed name; give it one there ({}), or here once it is deployed"
_NO_ALIAS = "the template gives it no alias, so going back means deploying the release before"
_UNMET = "the template has it under the condition {}, which a drill on this machine does not meet"
_BUILDS = "To have its files published, name their folder within a release: builds = ..."
_NO_OUTPUT = "no output of the template holds its URL; add one there and name it as `output`"
_HEALTH = re.compile(r"(?i)^/?(?:[\w/-]*/)?(?:health[\w-]*|ping|status|ready|live)/?$")
_NAMED = {
    "AWS::Lambda::Function": ("function", "FunctionName"),
    "AWS::Serverless::Function": ("function", "FunctionName"),
    "AWS::DynamoDB::Table": ("table", "TableName"),
    "AWS::DynamoDB::GlobalTable": ("table", "TableName"),
    "AWS::Serverless::SimpleTable": ("table", "TableName"),
    "AWS::SecretsManager::Secret": ("secret", "Name"),
    "AWS::CloudWatch::Alarm": ("alarm", "AlarmName"),
}
_APIS = {
    "AWS::ApiGateway::RestApi": "rest",
    "AWS::Serverless::Api": "rest",
    "AWS::ApiGatewayV2::Api": "http",
    "AWS::Serverless::HttpApi": "http",
}
_IMPLICIT = {"Api": ("ServerlessRestApi", "rest"), "HttpApi": ("ServerlessHttpApi", "http")}
_SUFFIXES = re.compile(r"-(?:function|lambda|table|secret|alarm|bucket|api|handler)$")


@dataclass
class Resources:
    """The resources of one template on their way to blocks.

    Attributes:
        taken: keys of each kind that are used, by all templates together.
    """

    repository: Repository
    stack: StackFile
    taken: dict[str, set[str]] = field(default_factory=dict)

    def blocks(self) -> Iterator[Block]:
        for kind in ("function", "api", "table", "site", "secret", "settings", "alarm"):
            maker = self._special.get(kind)
            yield from maker() if maker else self._named(kind)

    @property
    def _special(self) -> Mapping[str, Callable[[], Iterator[Block]]]:
        return {"api": self._apis, "site": self._sites, "settings": self._settings}

    def where(self, logical: str) -> str:
        line = self.stack.document.line("Resources", logical)
        return self.repository.shown(self.stack.document.path, line)

    def key(self, kind: str, logical: str) -> str:
        name = slug(re.sub(r"[0-9A-F]{8}$", "", logical), fallback=kind)
        return apart(_SUFFIXES.sub("", name) or name, self.taken.setdefault(kind, set()))

    def of_type(self, *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical, item in self.stack.resources.items():
            if item.get("Type") in types:
                yield logical, table(item.get("Properties"))

    def _named(self, kind: str) -> Iterator[Block]:
        for type_, (wanted, attribute) in _NAMED.items():
            if wanted == kind:
                for logical, properties in self.of_type(type_):
                    yield self._one(kind, logical, attribute, properties)

    def _one(self, kind: str, logical: str, attribute: str, properties: Mapping[str, Any]) -> Block:
        name = self.stack.values.text(properties.get(attribute))
        entries = [Entry("name", name or logical, self.where(logical)), Entry("stack", self.stack.key)]
        if kind == "function":
            alias = self._alias(logical, properties)
            entries.append(Entry("alias", alias or "", note="" if alias else _NO_ALIAS))
        if kind == "secret" and "username" in str(
            table(properties.get("GenerateSecretString")).get("SecretStringTemplate", "")
        ):
            entries.append(
                Entry("kind", "postgres", note="it has a user name; correct it when it opens no Postgres")
            )
        off = "" if name else _UNNAMED.format(attribute)
        return Block((kind, self.key(kind, logical)), tuple(entries), off=self._unmet(logical) or off)

    def _unmet(self, logical: str) -> str:
        """Why a resource is not there in a drill; empty when it is, or nobody can tell."""
        condition = self.stack.resources.get(logical, {}).get("Condition")
        met = self.stack.values.holds(condition) if isinstance(condition, str) else None
        return _UNMET.format(condition) if met is False else ""

    def _alias(self, logical: str, properties: Mapping[str, Any]) -> str | None:
        """The alias that a template publishes a function under."""
        everywhere = table(table(self.stack.document.data.get("Globals")).get("Function"))
        told = properties.get("AutoPublishAlias", everywhere.get("AutoPublishAlias"))
        if told is not None and self.stack.resources[logical].get("Type") == "AWS::Serverless::Function":
            return self.stack.values.text(told)
        for _, alias in self.of_type("AWS::Lambda::Alias"):
            if logical in set(references(alias.get("FunctionName"))):
                return self.stack.values.text(alias.get("Name"))
        return None

    def _apis(self) -> Iterator[Block]:
        found = {
            logical: (_APIS[str(item.get("Type"))], table(item.get("Properties")))
            for logical, item in self.stack.resources.items()
            if item.get("Type") in _APIS
        }
        found |= {name: (kind, {}) for name, kind in self._implicit() if name not in found}
        for logical, (kind, properties) in found.items():
            if properties.get("ProtocolType") != "WEBSOCKET":
                yield self._api(logical, kind, properties)

    def _api(self, logical: str, kind: str, properties: Mapping[str, Any]) -> Block:
        output = self._output(logical, kind)
        entries = [Entry("kind", kind, self.where(logical)), Entry("stack", self.stack.key)]
        entries.append(Entry("output", output or "ApiUrl", self._line_of_output(output)))
        entries.append(Entry("stage", self._stage(logical, kind, properties)))
        paths = [path for api, path in self._routes() if api == logical]
        health = next((path for path in paths if _HEALTH.match(path)), paths[0] if paths else "/health")
        entries.append(
            Entry("health", health, self.where(logical) if paths else "", "no route says; correct it")
        )
        if behind := self._behind(logical):
            entries.append(Entry("functions", behind))
        off = "" if output else _NO_OUTPUT
        return Block(("api", self.key("api", logical)), tuple(entries), off=self._unmet(logical) or off)

    def _implicit(self) -> Iterator[tuple[str, str]]:
        for _, _, event in self._events():
            owner = {"Api": "RestApiId", "HttpApi": "ApiId"}[str(event.get("Type"))]
            if owner not in table(event.get("Properties")):
                yield _IMPLICIT[str(event["Type"])]

    def _events(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Function, API and event of each SAM event of an API."""
        for logical, properties in self.of_type("AWS::Serverless::Function"):
            for raw in table(properties.get("Events")).values():
                event = table(raw)
                if event.get("Type") in _IMPLICIT:
                    told = table(event.get("Properties"))
                    owner = table(told.get("RestApiId") or told.get("ApiId")).get("Ref")
                    yield logical, str(owner or _IMPLICIT[str(event["Type"])][0]), event

    def _routes(self) -> Iterator[tuple[str, str]]:
        """API and path of each route that a GET without variables reaches."""
        for _, api, event in self._events():
            told = table(event.get("Properties"))
            path = told.get("Path")
            if str(told.get("Method", "any")).lower() in ("get", "any", "*") and _plain(path):
                yield api, str(path)
        for _, properties in self.of_type("AWS::ApiGatewayV2::Route"):
            method, _, path = str(properties.get("RouteKey", "")).partition(" ")
            if method in ("GET", "ANY") and _plain(path):
                yield str(table(properties.get("ApiId")).get("Ref", "")), path
        for _, properties in self.of_type("AWS::ApiGateway::Resource"):
            part = properties.get("PathPart")
            if isinstance(part, str) and _HEALTH.match(part):
                yield str(table(properties.get("RestApiId")).get("Ref", "")), f"/{part}"

    def _behind(self, api: str) -> list[str]:
        """Keys of the functions behind an API; functions were given theirs before."""
        logicals = list(dict.fromkeys(function for function, owner, _ in self._events() if owner == api))
        keys = [_SUFFIXES.sub("", slug(name)) for name in logicals if self._is_named(name)]
        return [key for key in keys if key in self.taken.get("function", set())]

    def _is_named(self, function: str) -> bool:
        properties = table(self.stack.resources.get(function, {}).get("Properties"))
        return self.stack.values.text(properties.get("FunctionName")) is not None and not self._unmet(
            function
        )

    def _output(self, logical: str, kind: str) -> str:
        ids = {logical}
        for name, raw in table(self.stack.document.data.get("Outputs")).items():
            value = table(raw).get("Value")
            texts = list(references(value))
            address = any("execute-api" in text or "ApiEndpoint" in text for text in texts)
            if ids & set(texts) and (address or value == {"Ref": logical}):
                return name
        return ""

    def _line_of_output(self, output: str) -> str:
        line = self.stack.document.line("Outputs", output)
        return self.repository.shown(self.stack.document.path, line) if output else ""

    def _stage(self, logical: str, kind: str, properties: Mapping[str, Any]) -> str:
        told = self.stack.values.text(properties.get("StageName"))
        for _, stage in self.of_type("AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage"):
            if logical in set(references([stage.get("RestApiId"), stage.get("ApiId")])):
                told = told or self.stack.values.text(stage.get("StageName"))
        return told or {"rest": "Prod" if logical == "ServerlessRestApi" else "prod"}.get(kind, "$default")

    def _sites(self) -> Iterator[Block]:
        buckets = dict(self.of_type("AWS::S3::Bucket"))
        for logical, properties in self.of_type("AWS::CloudFront::Distribution"):
            origins = table(properties.get("DistributionConfig")).get("Origins")
            behind = [name for name in buckets if name in set(references(origins))]
            if behind:
                yield self._site(logical, behind[0], buckets[behind[0]])

    def _site(self, logical: str, bucket: str, properties: Mapping[str, Any]) -> Block:
        name = self.stack.values.text(properties.get("BucketName"))
        entries = [Entry("bucket", name or bucket, self.where(bucket)), Entry("stack", self.stack.key)]
        for output, raw in table(self.stack.document.data.get("Outputs")).items():
            if table(raw).get("Value") == {"Ref": logical}:
                entries.append(Entry("distribution", output, self._line_of_output(output)))
                break
        off = self._unmet(logical) or ("" if name else _UNNAMED.format("BucketName"))
        return Block(("site", self.key("site", bucket)), tuple(entries), (_BUILDS,), off=off)

    def _settings(self) -> Iterator[Block]:
        names = [
            (logical, self.stack.values.text(properties.get("Name")) or "")
            for logical, properties in self.of_type("AWS::SSM::Parameter")
        ]
        paths = [(logical, name) for logical, name in names if name.count("/") >= 2 and name.startswith("/")]
        if paths:
            common = os.path.commonpath([name.rpartition("/")[0] for _, name in paths]).rstrip("/") + "/"
            entries = (Entry("kind", "ssm"), Entry("path", common, self.where(paths[0][0])))
            off = "" if common != "/" else "its parameters have no path in common"
            yield Block(("settings", self.key("settings", "parameters")), entries, off=off)

    def topics(self) -> Iterator[tuple[str, str]]:
        """Names of topics and where they are."""
        for logical, properties in self.of_type("AWS::SNS::Topic"):
            if name := self.stack.values.text(properties.get("TopicName")):
                yield name, self.where(logical)


def _plain(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and not set("{}*$+") & set(path)


def find_resources(repository: Repository, survey: Survey, stacks: list[StackFile]) -> None:
    """Adds a block for each resource that a system file has a table for."""
    taken: dict[str, set[str]] = {}
    topics: list[tuple[str, str]] = []
    for stack in stacks:
        resources = Resources(repository, stack, taken)
        found = list(resources.blocks())
        survey.blocks += found
        topics += resources.topics()
        if said := _counted(found):
            survey.found.append(("resources", f"{repository.shown(stack.document.path)}: {said}"))
    if len(topics) > 1:
        survey.notes.append(f"{len(topics)} topics; the first was taken: {topics[0][1]}")
    if topics:
        survey.blocks.append(Block(("notifications",), (Entry("topic", *topics[0]),)))


def _counted(blocks: list[Block]) -> str:
    kinds = list(dict.fromkeys(block.header[0] for block in blocks))
    return ", ".join(f"{sum(block.header[0] == kind for block in blocks)} {kind}" for kind in kinds)
