"""Where a DSN and its passwords come from: a variable, a service file, a secret. Nothing else is read."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from rollproof.environments.staging.judge_aws import PROFILE_KEYS
from rollproof.environments.staging.judge_target import PLACES, REDIRECTING
from rollproof.environments.staging.target import Target, addresses_of, read_target, target_of
from rollproof.errors import WrongPlace
from rollproof.model.environments import Staging, StagingDatabase

_AWS_NAMES = frozenset(
    """AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CONFIG_FILE
    AWS_SHARED_CREDENTIALS_FILE AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
    AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI""".split()
)
_DOING = "finding out where the database is"
ReadSecret = Callable[[str], str]


def aiming_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of this process that could aim a connection somewhere; none of them holds a secret."""
    found = os.environ if environ is None else environ
    wanted = {*REDIRECTING, *PLACES, *_AWS_NAMES}
    return {
        name: value for name, value in found.items() if name in wanted or name.startswith("AWS_ENDPOINT_URL")
    }


def operator() -> str:
    """Who runs this, as the system knows them; empty when it does not.

    Not by LOGNAME or USER, with which anybody could be an operator, or somebody else than who approved.
    """
    try:
        import pwd
    except ImportError:  # Windows, where nothing is drilled
        return ""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def variable(name: str, what: str) -> str:
    """Raises WrongPlace for a variable that is not set, or empty."""
    value = os.environ.get(name, "")
    if not value.strip():
        raise WrongPlace(f"the variable {name} is not set", doing=_DOING, remedy=f"set it to {what}")
    return value


def unset_variables(allowed: Staging) -> list[str]:
    """Variables that the allow-list names and that are not set, so that all of them are said at once."""
    found, keys, database = [], allowed.credentials, allowed.database
    if keys is not None:
        found += [keys.access_key_env, keys.secret_key_env, keys.session_token_env]
    found.append(allowed.external_id_env)
    if database is not None:
        found += [database.dsn_env, *database.passwords_env.values()]
    return [name for name in dict.fromkeys(filter(None, found)) if not os.environ.get(name, "").strip()]


def target_for(spec: StagingDatabase, root: Path, read_secret: ReadSecret) -> Target:
    """Where the declared DSN leads, with the addresses that its host has now.

    Args:
        root: the system file's folder.
        read_secret: gives a secret's text by its name, from the account that was verified.

    Raises WrongPlace: it is not there, or is none.
    """
    if spec.dsn_env:
        dsn = variable(spec.dsn_env, "the DSN of the environment's database")
        target = read_target(dsn, f"the variable {spec.dsn_env}")
    elif spec.service:
        target = _from_service(spec.service, _service_file(spec, root))
    else:
        target = _from_secret(spec, read_secret(spec.secret))
    found = addresses_of(target.host) if len(target.hosts) == 1 else ()
    return replace(target, resolved=found)


def _service_file(spec: StagingDatabase, root: Path) -> Path:
    return root / spec.service_file if spec.service_file else Path.home() / ".pg_service.conf"


def _from_service(name: str, file: Path) -> Target:
    """Read here, not by libpq: that would follow PGSERVICEFILE and look into other folders too."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), source=str(file))
    except (OSError, UnicodeError, configparser.Error) as error:
        said = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise WrongPlace(
            f"the service file cannot be read ({said})",
            doing=_DOING,
            where=str(file),
            remedy="correct it, or name another one in `database.service_file`",
        ) from error
    if not parser.has_section(name):
        raise WrongPlace(
            f"the service file has no section [{name}]",
            doing=_DOING,
            where=str(file),
            remedy="add it, or correct `database.service`",
        )
    return target_of(dict(parser[name]), f"service {name} of {file.name}")


def _from_secret(spec: StagingDatabase, text: str) -> Target:
    """A DSN, or the JSON that Secrets Manager writes for a database."""
    source = f"the secret {spec.secret}"
    if not text.lstrip().startswith("{"):
        return read_target(text, source)
    try:
        said = {name: str(value) for name, value in json.loads(text).items() if value is not None}
    except (ValueError, AttributeError) as error:
        raise WrongPlace("the secret is neither a DSN nor JSON", doing=_DOING, where=source) from error
    known = {"username": "user", "dbname": "dbname", "host": "host", "port": "port", "password": "password"}
    parts = {known[name]: value for name, value in said.items() if name in known}
    return target_of({"dbname": spec.name, **parts}, source)


def passwords_for(spec: StagingDatabase) -> dict[str, str]:
    """Passwords of other roles, from their variables. Raises WrongPlace for one that is not set."""
    return {role: variable(name, f"the password of role {role}") for role, name in spec.passwords_env.items()}


def profile_settings(name: str, home: Path | None = None) -> tuple[bool, dict[str, str], dict[str, str]]:
    """Whether ~/.aws has a profile; its harmless settings; its access key.

    Of settings that may not be there only the names are given on.
    """
    folder = (home or Path.home()) / ".aws"
    found = _section(folder / "config", f"profile {name}") or {}
    found |= _section(folder / "config", name) or {} if name == "default" else {}
    keys = _section(folder / "credentials", name) or {}
    every = {**found, **keys}
    secret = {key: value for key, value in every.items() if key.startswith("aws_")}
    plain = {key: (every[key] if key in PROFILE_KEYS - secret.keys() else "") for key in every}
    return bool(every), plain, secret


def _section(file: Path, name: str) -> dict[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, configparser.Error):
        return None
    return dict(parser[name]) if parser.has_section(name) else None
