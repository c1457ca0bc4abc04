"""Services that a compose file describes: each is given back the variables that its history has of it.

There is no Docker here: what the file calls `command` and `environment` is run as a process, and said to be.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from drilling import ROOT, Drilled, verdicts

from rollproof.components.git import Repository

FEATURE = "features/configuration.feature"
SERVICE = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LEVEL, LIMIT = os.environ["LEVEL"], int(os.environ["LIMIT"])


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        well = self.path == "/health" or (LEVEL == "info" and LIMIT > 0)
        self.send_response(200 if well else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
"""
COMPOSE = """\
services:
  # what people see
  web:
    image: shop
    command: [python, serve.py]
    environment:
      LEVEL: info
      LIMIT: 5
  worker:
    image: shop
    command: [python, serve.py, worker]
    environment:
      - LEVEL=info
      - LIMIT=9
  mailer:
    image: mail
    environment: { LIMIT: 2 }
"""
SETTINGS = """
[settings.shared]
kind = "service-environment"
services = ["web", "worker"]
history = "docker-compose.yml"
wrong = { LEVEL = "loud", LIMIT = "0" }
"""


def declared(name: str, spec: dict[str, Any]) -> str:
    """A service of the compose file, as the system file says it."""
    said = spec["environment"]
    pairs = [one.split("=") for one in said] if isinstance(said, list) else said.items()
    env = ", ".join(f'{key} = "{value}"' for key, value in pairs)
    command = json.dumps(["{python}", *spec["command"][1:]])
    asked = f'[[service.{name}.endpoint]]\nname = "{name} answers"\npath = "/"\n'
    return f"\n[service.{name}]\ncommand = {command}\nenv = {{ {env} }}\n{asked}"


@pytest.fixture
def composed(mini: Drilled) -> Drilled:
    services = yaml.safe_load(COMPOSE)["services"]
    more = "".join(declared(name, services[name]) for name in ("web", "worker"))
    mini.write("system.toml", (mini.root / "system.toml").read_text() + more + SETTINGS)
    mini.write(FEATURE, (ROOT / FEATURE).read_text())
    mini.write("serve.py", SERVICE)
    repository = Repository.create(mini.root)
    mini.write("docker-compose.yml", COMPOSE)
    repository.commit("Describe the services")
    return mini


def test_each_service_of_a_compose_file_gets_its_own_values_back(composed: Drilled) -> None:
    ended = composed.drill("-q", FEATURE, "-k", "several_services")
    assert ended.code == 0, ended.said
    journal = composed.journal()
    assert set(verdicts(journal).values()) == {"proven"}
    changed = journal.last("incident.fault")
    assert changed is not None
    assert changed.data["items"] == ["web LEVEL", "web LIMIT", "worker LEVEL", "worker LIMIT"]
    provided = [str(event.data["found"]) for event in journal.all("provided")]
    assert any("docker-compose.yml run as processes of this machine" in said for said in provided)
    assert (composed.root / "docker-compose.yml").read_text() == COMPOSE
