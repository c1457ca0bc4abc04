"""The reference system in an account of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from rollproof.components.aws.api import Apis, Place
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.doorway import Doorway
from rollproof.components.aws.releases import DeployRelease
from rollproof.drill.drill import Drill
from rollproof.model.systemfile import read_system

HOME = Path(__file__).parents[2] / "systems" / "alquimista"
SYSTEM = read_system(HOME / "system.toml")
TENANT = {"x-tenant": "agata-alimentos"}
LIST_AGENTS = "fibonacci-list-agents-embedded"
BACK_END = ("alquimista", "fibonacci", "nigredo")


@dataclass
class Account:
    """A scenario's account and database, and questions to what is deployed there."""

    drill: Drill

    def deploy(self, which: str, *stacks: str) -> bool:
        return self.drill.attempt(DeployRelease(which, stacks or BACK_END))

    @cached_property
    def places(self) -> dict[str, Place]:
        return dict(self.drill.use(Apis).find())

    def ask(
        self, api: str, path: str, *, method: str = "GET", body: object = None, **headers: str
    ) -> httpx.Response:
        place = self.places[api]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(
            method,
            place.url + path,
            headers={**place.headers, **TENANT, **named},
            json=body,
            trust_env=False,
            timeout=30,
        )

    def statuses(self, *paths: str, api: str = "fibonacci") -> list[int]:
        return [self.ask(api, path).status_code for path in paths]

    def client(self, service: str) -> Any:
        return self.drill.use(Cloud).client(service)

    def secret(self, name: str, stage: str = "AWSCURRENT") -> dict[str, str]:
        found = self.client("secretsmanager").get_secret_value(
            SecretId=f"alquimista/embedded/{name}", VersionStage=stage
        )
        value: dict[str, str] = json.loads(found["SecretString"])
        return value

    def log(self, function: str = LIST_AGENTS) -> str:
        found = self.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")
        return "\n".join(event["message"] for event in found["events"])

    def smoke(self) -> subprocess.CompletedProcess[str]:
        """Runs the smoke tests against both APIs and the database."""
        door = self.drill.use(Doorway)
        urls = {
            f"API_URL_{key.upper()}": door.url(place.url, place.headers) for key, place in self.places.items()
        }
        return subprocess.run(
            [sys.executable, "-B", "smoke/smoke.py"],
            cwd=HOME,
            env={"PATH": os.environ["PATH"], "DATABASE_URL": self.drill.use(Cloud).dsn, **urls},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def commands(self) -> int:
        found = self.client("dynamodb").scan(TableName="operational-commands-embedded", Select="COUNT")
        return int(found["Count"])
