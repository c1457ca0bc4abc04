"""What is wrong with where AWS calls would go, and as whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from rollproof.environments.staging.facts import AwsFacts, Facts, Refusal
from rollproof.environments.staging.markers import smells
from rollproof.environments.staging.target import is_loopback
from rollproof.model.environments import Staging

PROFILE_KEYS = frozenset(
    """aws_access_key_id aws_secret_access_key aws_session_token region output cli_pager cli_auto_prompt
    cli_history cli_timestamp_format""".split()
)
"""What a profile may hold. Everything else gets credentials, or sends calls, from or to elsewhere."""
_OTHER_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_OTHER_CREDENTIALS = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def profile_refusals(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    """The variables, the endpoint and the profile: what is known before the first call."""
    if allowed.aws_account is None:
        return
    yield from _endpoints(facts, allowed)
    yield from _profiles(facts, allowed)
    yield from _regions(facts, allowed)
    yield from _endpoint(allowed)
    if allowed.aws_account in allowed.production.accounts:
        yield Refusal(
            "aws_account",
            f"account {allowed.aws_account} is on the allow-list and among production's accounts",
            "take it out of one of the two",
        )
    if allowed.role_arn and f"::{allowed.aws_account}:" not in allowed.role_arn:
        yield Refusal(
            "role_arn",
            f"the role {allowed.role_arn} is not of account {allowed.aws_account}",
            "name a role of that account",
        )


def _endpoints(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    for name, value in sorted(facts.environ.items()):
        if name.startswith("AWS_ENDPOINT_URL") and value != allowed.endpoint_url:
            declared = allowed.endpoint_url or "AWS itself"
            yield Refusal(
                name,
                f"the variable {name} sends calls to {value}, and {declared} is declared",
                f"unset {name}; only `endpoint_url` of the system file counts",
            )


def _profiles(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        said = facts.environ.get(name)
        if said and said != allowed.profile:
            meant = f"profile {allowed.profile}" if allowed.profile else "no profile"
            yield Refusal(
                name,
                f"the variable {name} says {said!r}, and the system file {meant}: one of them is wrong",
                f"unset {name}",
            )
    for name in (*(_OTHER_FILES if allowed.profile else ()), *_OTHER_CREDENTIALS):
        if facts.environ.get(name):
            yield Refusal(
                name,
                f"the variable {name} is set, which takes credentials from elsewhere",
                f"unset {name}: `profile` or `credentials`, and `role_arn`, say whose count",
            )
    yield from _profile(facts, allowed)


def _profile(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    profile = facts.profile
    if profile is None:
        return
    if not profile.found:
        yield Refusal(
            "profile", f"there is no profile {profile.name!r} in ~/.aws", "make it, or name another one"
        )
        return
    if smells(profile.name) and not allowed.not_production:
        yield Refusal(
            "profile",
            f"the profile is called {profile.name!r}, which sounds like production",
            "say in `not_production` why it is not, if it is not",
        )
    for key in sorted(set(profile.settings) - PROFILE_KEYS):
        yield Refusal(
            key,
            f"profile {profile.name} has {key}, which takes credentials or sends calls elsewhere",
            "name a profile with an access key of its own, and the role in `role_arn`",
        )
    region = profile.settings.get("region")
    if region and region != allowed.region:
        yield Refusal(
            "region",
            f"profile {profile.name} is of region {region}, the allow-list has {allowed.region}",
            "correct one of the two",
        )


def _regions(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        said = facts.environ.get(name)
        if said and said != allowed.region:
            yield Refusal(
                name,
                f"the variable {name} says {said}, the allow-list has {allowed.region}: one of them is wrong",
                f"unset {name}, or set it to {allowed.region}",
            )


def _endpoint(allowed: Staging) -> Iterator[Refusal]:
    url = allowed.endpoint_url
    if not url:
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        yield Refusal("endpoint_url", f"{url} is no URL of an endpoint", "write https://host")
    elif "@" in parts.netloc:
        yield Refusal(
            "endpoint_url", "the endpoint has a user in it, which hides its host", "write https://host"
        )
    elif parts.scheme == "http" and not is_loopback(host):
        yield Refusal(
            "endpoint_url",
            f"{url} is on another machine and not encrypted: whoever is on the way can be in its place",
            "use https",
        )
    if host.endswith(("amazonaws.com", "amazonaws.com.cn")):
        yield Refusal(
            "endpoint_url",
            f"{url} is an endpoint of AWS, which needs none to be named",
            "leave `endpoint_url` out",
        )
    if smells(host) and not allowed.not_production:
        yield Refusal(
            "endpoint_url",
            f"the endpoint's host is called {host}, which sounds like production",
            "say in `not_production` why it is not, if it is not",
        )


def aws_refusals(aws: AwsFacts, allowed: Staging, others: Mapping[str, Staging]) -> Iterator[Refusal]:
    """What the account itself says. STS is asked; the declared number alone proves nothing."""
    if aws.account != allowed.aws_account:
        yield Refusal(
            "aws_account",
            f"the credentials are of account {aws.account}, the allow-list has {allowed.aws_account}",
            "see which profile or variables are in use",
        )
    if aws.account in allowed.production.accounts:
        yield Refusal(
            "aws_account", f"account {aws.account} is production's", "see which credentials are in use"
        )
    for name, other in others.items():
        if aws.account in other.production.accounts:
            yield Refusal(
                "aws_account",
                f"account {aws.account} is among production's accounts of [environments.{name}]",
                "correct one of the two",
            )
    if aws.arn.endswith(":root"):
        yield Refusal(
            "root user",
            f"the credentials are the root user's of account {aws.account}",
            "make a role for drills, with what they need and no more",
        )
    for unseen in aws.unseen:
        yield Refusal(
            "marker", f"nobody could see whether it is production: {unseen}", "let the role read that"
        )
