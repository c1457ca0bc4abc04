"""Does the record of a drill tell a secret? Looked for in every byte of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.setting import Secret
from rollproof.components.aws.settings import Settings
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed

SHORTEST = 8
"""Characters of a secret below which it may be in any text by chance."""


@observer("secrets-told")
def look_for_secrets(drill: Drill) -> None:
    """Searches journal and attachments of the run for every secret value of settings and secrets."""
    secrets = [secret for secret in known_secrets(drill) if len(secret.value) >= SHORTEST]
    folder = drill.recorder.journal.path.parent
    told, size = set(), 0
    for path in _files(folder):
        content = path.read_bytes()
        size += len(content)
        told |= {secret.name for secret in secrets if _is_in(secret.value, content)}
    findings = sorted(f"{name}: its value is in the record of this drill" for name in told)
    drill.recorder.note("secrets.sought", {"count": len(secrets), "bytes": size, "findings": findings})


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.suffix in (".json", ".ndjson") and path.is_file())


def _is_in(value: str, content: bytes) -> bool:
    """As it is, or as JSON writes it."""
    return value.encode() in content or json.dumps(value, ensure_ascii=False)[1:-1].encode() in content


def known_secrets(drill: Drill) -> Iterator[Secret]:
    """Of parameters, variables and Secrets Manager; parts of a JSON secret that are secret by themselves."""
    cloud = drill.use(Cloud)
    for store in drill.use(Settings).stores().values():
        yield from store.secrets()
    for spec in drill.system.secret.values():
        name = cloud.fill(spec.name)
        try:
            value = _secret_value(cloud, name)
        except AttemptFailed as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            continue
        yield Secret(name, value)
        yield from (Secret(name, part) for part in _parts(value))


def _secret_value(cloud: Cloud, name: str) -> str:
    with calling("reading a secret, to see that nobody tells it", where=name):
        return str(cloud.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", ""))


SECRET_KEYS = frozenset({"password", "key", "token", "secret", "apikey", "api_key", "passphrase"})


def _parts(value: str) -> Iterator[str]:
    try:
        found = json.loads(value)
    except ValueError:
        return
    if isinstance(found, dict):
        yield from (
            part for key, part in found.items() if str(key).lower() in SECRET_KEYS and isinstance(part, str)
        )
