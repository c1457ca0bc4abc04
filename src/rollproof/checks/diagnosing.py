"""Was the cause of failing functions found, by evidence, and was what was done its remedy?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown

SOURCES = ("logs", "answers", "metrics", "configuration")
"""What a diagnosis has to have looked at; the ledger as well, where the cause is in the database."""
FITTING: Mapping[str, tuple[str, ...]] = {
    "missing-migration": ("migration.apply", "function.roll_back", "release.roll_back", "checkout.roll_back"),
    "handler-bug": ("function.roll_back", "release.roll_back", "checkout.roll_back"),
    "wrong-variable": ("settings.roll_back", "function.roll_back", "release.roll_back", "checkout.roll_back"),
    "database-unreachable": ("database.connect",),
    "permission": ("release.roll_back",),
    "throttled": ("release.roll_back",),
}
"""What mends which cause. Going back to old code mends nothing that the code is not to blame for."""
REMEDIES = tuple(sorted({act for acts in FITTING.values() for act in acts}))


@check("cause-named", "the diagnosis names the cause", answers=("functions.diagnose",))
def cause_named(history: History, *, cause: str) -> Verdict:
    """The cause is the one that was injected, and every source was looked at and agrees."""
    found = history.last("functions.diagnose", Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    event = need(found, "a diagnosis")
    if event.kind is not Kind.OK:
        return unknown(f"the diagnosis could not be made: {event.data.get('found', '')}")
    evidence = [str(line) for line in as_list(event.data.get("findings", []))]
    if event.data.get("cause") != cause:
        return refuted(f"the diagnosis names {event.data.get('cause')}, and it is {cause}", *lines(evidence))
    looked = [str(source) for source in as_list(event.data.get("sources", []))]
    wanted = (*SOURCES, "ledger") if cause == "missing-migration" else SOURCES
    if missing := [source for source in wanted if source not in looked]:
        return refuted(
            "the diagnosis did not look everywhere", *lines(f"not looked at: {one}" for one in missing)
        )
    if not evidence or not event.data.get("failed"):
        return refuted(f"the diagnosis names {cause} without a failed request that says so")
    about = f" ({event.data['item']})" if event.data.get("item") else ""
    return proven(f"{cause}{about}: {evidence[0]}", evidence=len(evidence), failed=event.data["failed"])


@check("remedy-fits", "what was done is the remedy of the cause")
def remedy_fits(history: History) -> Verdict:
    """After the diagnosis something was done that mends such a cause, and nothing that does not."""
    found = need(history.last("functions.diagnose", Kind.OK), "a diagnosis")
    cause = str(found.data.get("cause"))
    fitting = FITTING.get(cause)
    if fitting is None:
        return unknown(f"nobody knows what mends {cause}: {found.data.get('remedy', '')}")
    done = [event for event in ended(history, *REMEDIES) if event.seq > found.seq]
    wrong = [f"{event.act} does not mend {cause}" for event in done if event.act not in fitting]
    failed = [_failure(event) for event in done if event.act in fitting and event.kind is not Kind.OK]
    good = [event.act for event in done if event.act in fitting and event.kind is Kind.OK]
    if wrong:
        return refuted("something was done that is no remedy", *lines(wrong))
    if not good:
        return refuted(f"nothing was done that mends {cause}", *lines(failed))
    return proven(f"{', '.join(good)} mends {cause}", acts=len(good))


def _failure(event: Event) -> str:
    return f"{event.act} did not succeed: {event.data.get('found', '')}"
