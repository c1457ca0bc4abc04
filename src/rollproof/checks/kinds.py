"""Does what a migration says agree with what it does?"""

from __future__ import annotations

from rollproof.checks.evidence import ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check("kinds-agree", "every migration does what its text says")
def kinds_agree(history: History) -> Verdict:
    """The kind read from each script is the kind of what happened when it ran on real rows.

    All of them: a walk through the history that stopped on its way leaves the rest unknown.
    """
    compared = history.all("migration.kind", Kind.NOTE)
    if not compared:
        return unknown("no migration was looked at")
    disagreements = [
        f"{event.data['migration']}: {event.data['disagreement']}"
        for event in compared
        if event.data.get("disagreement")
    ]
    if disagreements:
        return refuted(
            f"{len(disagreements)} of {len(compared)} migrations do other than their text says",
            *lines(disagreements),
            migrations=len(compared),
        )
    walked = need(next(iter(ended(history, "history.walk")[-1:]), None), "a walk through the whole history")
    if walked.kind is not Kind.OK or walked.data.get("count") != len(compared):
        said = f"only {len(compared)} migrations were looked at"
        return unknown(said, *lines(filter(None, [walked.data.get("found")])), migrations=len(compared))
    if untold := [f"{e.data['migration']}: {e.data['missing']}" for e in compared if e.data.get("missing")]:
        said = f"what {len(untold)} of {len(compared)} migrations do to rows cannot be told without some"
        return unknown(said, *lines(untold), migrations=len(compared))
    return proven(f"text and effect agree for {len(compared)} migrations", migrations=len(compared))
