"""Services whose releases are images: are their variables those that the image served with?"""

from __future__ import annotations

from rollproof.checks.evidence import as_list, begun, lines, need
from rollproof.checks.registry import check
from rollproof.checks.services import SEEN, seen_now, should_serve
from rollproof.journal import History
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check(
    "service-variables",
    "the service has the variables that this release served with",
    sees=SEEN,
    answers=("service.roll_back",),
)
def service_variables(history: History) -> Verdict:
    """The right code with other variables is another service: in July 2019 Stripe's was.

    Names alone are recorded; what is secret is an ARN and no variable.
    """
    need(next(iter(begun(history, "service.roll_back")), None), "a rollback of the service")
    release = should_serve(history)
    seen = seen_now(history, release["service"])
    if "other_variables" not in seen:
        return unknown("nobody compared the service's variables")
    other = [str(name) for name in as_list(seen["other_variables"])]
    said = f"release {release['version']}"
    if other:
        return refuted(f"the service has other variables than {said} served with", *lines(other))
    return proven(f"all variables are what they were when {said} served")
