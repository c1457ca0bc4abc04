"""Was the system closed while it was mended, is it open again, and did code and data go back together?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, comparison, lines, need
from rollproof.checks.registry import check
from rollproof.journal import History
from rollproof.model.fingerprint import Difference
from rollproof.model.verdict import Verdict, proven, refuted, unknown

SERVED, SHOWN = "served", "maintenance page"
SITE = "site "
MAY_RUN = "concurrency"
"""Kind of a function's fact that says how many of it may run at once."""


def _looks(history: History, label: str) -> list[Mapping[str, str]]:
    """What clients got each time that everything was asked under a label."""
    events = [event for event in history.all("front.asked") if event.data.get("label") == label]
    pairs = [[as_list(item) for item in as_list(event.data["items"])] for event in events]
    return [{str(name): str(outcome) for name, outcome in look} for look in pairs]


@check("nothing-served", "nothing of the system served anybody while it was closed")
def nothing_served(history: History) -> Verdict:
    """No function ran and no API answered 200, neither when it was closed nor right before it was opened."""
    looks = _looks(history, "shut")
    if len(looks) < 2:
        return unknown("clients were not tried both after it was closed and before it was opened")
    wanted = [{name: said for name, said in look.items() if not name.startswith(SITE)} for look in looks]
    if served := sorted({name for look in wanted for name, said in look.items() if said == SERVED}):
        return refuted(f"{len(served)} still served while it was closed", *lines(served))
    if not all(wanted):
        return unknown("no function and no API was tried each time, or the system has none")
    return proven(f"none of {len(wanted[0])} served, tried {len(looks)} times", tried=len(wanted[0]))


@check("maintenance-page-shown", "every site showed the maintenance page while it was closed")
def maintenance_page_shown(history: History) -> Verdict:
    """Its front page was the maintenance page, when it was put up and right before it was taken away."""
    looks = _looks(history, "shut")
    if len(looks) < 2:
        return unknown("visitors were not tried both after the page was put up and before it was taken away")
    sites = [{name: said for name, said in look.items() if name.startswith(SITE)} for look in looks]
    wrong = [f"{name}: {said}" for look in sites for name, said in look.items() if said != SHOWN]
    if wrong:
        return refuted("a visitor did not get the maintenance page", *lines(wrong))
    if not all(sites):
        return unknown("no site was looked at each time, or the system has none")
    return proven(f"{len(sites[0])} sites showed it", sites=len(sites[0]))


@check("front-as-before", "the system serves its clients as before", sees=("front",))
def front_as_before(history: History) -> Verdict:
    """Everything that was served before is served again: functions, APIs, front pages."""
    before, after = _looks(history, "before"), _looks(history, "after")
    if not before or not before[-1]:
        return unknown("nobody asked what clients ask while all was well")
    wanted = [name for name, said in before[-1].items() if said == SERVED]
    if not wanted or not after:
        return unknown("nothing was served while all was well, or nobody asked at the end")
    wrong = [
        f"{name}: {after[-1].get(name, 'not there')}" for name in wanted if after[-1].get(name) != SERVED
    ]
    if wrong:
        return refuted(f"{len(wrong)} of {len(wanted)} do not serve as before", *lines(wrong))
    return proven(f"all {len(wanted)} serve as before", served=len(wanted))


@check(
    "rolled-back-together",
    "code and data are both those of the previous release",
    sees=("resources", "database"),
)
def rolled_back_together(history: History) -> Verdict:
    """The code that serves is the one from before, and so is the schema: previous code on a new schema, or
    the other way round, is a rollback of one half."""
    code = _code_differences(history)
    schema = [str(found) for found in comparison(history, "after", "backup").lasting()]
    if code and schema:
        return refuted("neither the code nor the schema is the previous one", *lines([*code, *schema]))
    if code:
        return refuted("only half rolled back: the schema is the previous one, the code is not", *lines(code))
    if schema:
        return refuted(
            "only half rolled back: the code is the previous one, the schema is not", *lines(schema)
        )
    return proven("both the code and the schema are the previous ones", differences=0)


def _code_differences(history: History) -> list[str]:
    """Differences of the functions, but for whether they may run: that is no part of a release.

    NotRecorded when nobody looked at them while all was well.
    """
    found = [event for event in history.all("resources.compared") if event.data.get("kind") == "function"]
    event = need(found[-1] if found else None, "how the functions compare with before")
    need(event if event.data.get("count") else None, "any function before")
    listed = as_list(history.attachment(event.data["differences"]))
    differences = [Difference.from_json(as_object(item)) for item in listed]
    return [str(found) for found in differences if found.kind != MAY_RUN]
