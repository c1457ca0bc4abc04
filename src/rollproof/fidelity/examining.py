"""Making all experiments on an endpoint, and writing down what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollproof.components.aws.clients import Aws, calling
from rollproof.environments.base import AwsEndpoint
from rollproof.errors import AttemptFailed, BadInput
from rollproof.fidelity.registry import Experiment, Finding, all_experiments
from rollproof.model.json import Json

WORDS = {True: "holds", False: "does not hold", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Examined:
    """One experiment and what came of it.

    Attributes:
        features: names of the features that rely on it.
    """

    experiment: Experiment
    finding: Finding
    seconds: float
    features: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return WORDS[self.finding.holds]

    @property
    def said(self) -> str:
        """What was seen, on one line: an endpoint may answer with a page of HTML."""
        return " ".join(self.finding.said.split())

    def to_json(self) -> dict[str, Json]:
        return {
            "id": self.experiment.id,
            "claim": self.experiment.claim,
            "source": self.experiment.source,
            "outcome": self.word,
            "found": self.said,
            "seconds": round(self.seconds, 2),
            "features": list(self.features),
        }


def chosen(ids: Sequence[str]) -> list[Experiment]:
    """The experiments with these ids, or all. Raises BadInput for one that there is not."""
    known = all_experiments()
    if unknown := sorted(set(ids) - set(known)):
        raise BadInput(
            f"there is no experiment {unknown[0]!r}", remedy=f"name some of: {', '.join(sorted(known))}"
        )
    return [item for name, item in sorted(known.items()) if not ids or name in ids]


def examine(
    experiments: Sequence[Experiment],
    account: Callable[[], AwsEndpoint],
    relying: Mapping[str, Sequence[str]],
) -> Iterator[Examined]:
    """Makes one experiment after another, each in the account that it is given."""
    for experiment in experiments:
        started = time.monotonic()
        finding = experiment.run(Aws(account()))
        seconds = time.monotonic() - started
        yield Examined(experiment, finding, seconds, tuple(relying.get(experiment.id, ())))


def expect_account(endpoint: AwsEndpoint) -> None:
    """Asks STS whose account this is, before anything is made in it.

    Raises:
        EnvironmentUnavailable: the endpoint does not answer, or does not take the credentials.
        BadInput: it is another account than the one that was named.
    """
    try:
        with calling("asking whose account this is", where=endpoint.url or "AWS"):
            found = str(Aws(endpoint).client("sts").get_caller_identity()["Account"])
    except AttemptFailed as error:
        raise BadInput(
            f"nobody can tell whose account this is: {error.found}",
            where=endpoint.url or "AWS",
            remedy="let the role call sts:GetCallerIdentity",
        ) from error
    if found != endpoint.account:
        raise BadInput(
            f"this is account {found}, and {endpoint.account} was named",
            where=endpoint.url or "AWS",
            remedy="give the credentials of the account that you mean",
        )


def table_of(examined: Sequence[Examined]) -> str:
    """The findings as a table in Markdown."""
    rows = [
        f"| `{item.experiment.id}` | {item.experiment.claim} | {item.word} | {item.said} | "
        f"{', '.join(item.features) or '-'} |"
        for item in examined
    ]
    head = [
        "| experiment | what AWS does | here it | what was seen | features that rely on it |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"
