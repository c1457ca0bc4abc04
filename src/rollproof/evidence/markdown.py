"""report.md: the run as a comment of a pull request: short, folded, and nothing in it is markup of others."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.evidence.html import say_utc, shown_scenarios
from rollproof.evidence.language import Words, words
from rollproof.evidence.limits import limits_of
from rollproof.evidence.phrases import conclusion
from rollproof.evidence.sections import Section, Series, Table, sections_of
from rollproof.evidence.wording import SYMBOLS, one_line, printable
from rollproof.model.verdict import Outcome

LONGEST = 65_536
"""Characters that GitHub takes in a comment."""
_ROOM = 60_000
_MOST_LISTED = 100
_NAME, _REASON = 140, 240
_SPECIAL = re.compile(r"[\\`*_{}\[\]#+|~^$=@<>&]")
"""What means something to Markdown, HTML or a forge wherever it stands."""
_AT_START = re.compile(r"\A(-|\d+[.)])")
_LINKED = re.compile(r"(@|#|www\.|:(?=//|[a-z+_-]))", re.IGNORECASE)
"""Where a mention, the number of an issue, an address or an emoji's short name begins."""
_JOINER = "\u2060"


def escaped(text: str, limit: int = _REASON) -> str:
    """`text` on one line, without any meaning to Markdown, HTML or a forge: no link, no mention.

    Letters that could mean something are written as character references. Forges look for mentions after
    these are resolved, so a word joiner follows where one would begin.
    """
    line = _LINKED.sub(rf"\1{_JOINER}", one_line(printable(text), limit))
    line = _SPECIAL.sub(lambda match: f"&#{ord(match.group())};", line)
    return _AT_START.sub(lambda match: f"{match.group()[:-1]}&#{ord(match.group()[-1])};", line)


def render_markdown(summary: RunSummary, language: str = "en") -> bytes:
    """The run as Markdown, UTF-8, shorter than LONGEST characters.

    Raises BadInput for an unknown language.
    """
    t = words(language)
    head = "\n".join([*_head(summary, t), ""])
    parts = [
        *_scenarios(summary, t),
        *_limits(summary, t),
        *(_section(one, t) for one in sections_of(summary, t)),
    ]
    foot = "\n".join(["", *_foot(summary, t), ""])
    body, left = head, 0
    for part in parts:
        if len(body) + len(part) + len(foot) > _ROOM:
            left += 1
            continue
        body += part
    if left:
        body += f"\n{t('report.not_shown', count=left)}\n"
    return (body + foot).encode("utf-8", "backslashreplace")


def _sign(outcome: Outcome) -> str:
    return SYMBOLS[outcome][0]


def _head(run: RunSummary, t: Words) -> Iterator[str]:
    facts = run.facts
    yield f"### {_sign(run.outcome)} {t.headline(run.counts, finished=run.finished)}"
    yield ""
    counts = [
        f"{_sign(one)} {t.whole(many)} {t.outcome(one, many)}" for one, many in run.counts.items() if many
    ]
    where = t(
        "report.where",
        systems=", ".join(facts.systems) or t("report.no_system"),
        environment=facts.environment or t("report.unnamed"),
    )
    took = "" if facts.seconds is None else t.duration(facts.seconds)
    yield " · ".join(filter(None, [escaped(where), escaped(say_utc(facts.started_at)), took]))
    yield ""
    yield " · ".join(counts)
    if facts.partial:
        yield ""
        yield f"**{t('report.partial')}**"
    if run.problems:
        yield ""
        yield f"> **{t('report.not_trusted' if run.finished else 'report.did_not_finish')}**"
        yield from (f"> - {escaped(conclusion(t, problem))}" for problem in run.problems[:10])
    yield ""


def _scenarios(run: RunSummary, t: Words) -> Iterator[str]:
    """One table, in pieces of its own so that it can be cut; what is not proven is open, the rest folded."""
    shown = shown_scenarios(run, _MOST_LISTED)
    open_ = [one for one in shown if not one[1].outcome.passes and not one[1].outcome.skipped]
    if open_:
        rows = "\n".join(_row(number, one, t) for number, one in open_)
        yield f"\n{_table_head(t)}\n{rows}\n"
    rest = [one for one in shown if one not in open_]
    if rest:
        rows = "\n".join(_row(number, one, t) for number, one in rest)
        title = ", ".join(
            f"{t.whole(many)} {t.outcome(outcome, many)}"
            for outcome, many in run.counts.items()
            if many and (outcome.passes or outcome.skipped)
        )
        yield f"\n<details><summary>{title}</summary>\n\n{_table_head(t)}\n{rows}\n\n</details>\n"
    if len(shown) < len(run.scenarios):
        yield f"\n{t('markdown.cut', count=t.whole(len(run.scenarios) - len(shown)))}\n"


def _table_head(t: Words) -> str:
    names = (t("overview.verdict"), t("overview.rollback"), "RTO", t("overview.checks"))
    return f"| {' | '.join(names)} |\n| --- | --- | ---: | ---: |"


def _row(number: int, one: ScenarioSummary, t: Words) -> str:
    name = f"{number} {escaped(one.name, _NAME)}" + (f" ({escaped(one.system, 60)})" if one.system else "")
    why = "" if one.outcome.passes else f"<br><sub>{escaped(conclusion(t, one.reason))}</sub>"
    checks = f"{one.proven_checks} / {len(one.checks)}" if one.checks else "–"
    return f"| {_sign(one.outcome)} {t.outcome(one.outcome)} | {name}{why} | {_rto(one, t)} | {checks} |"


def _rto(one: ScenarioSummary, t: Words) -> str:
    if one.rto_seconds is None:
        return t("report.never") if one.incidents and one.recovery_claimed else "–"
    goal = one.objectives.rto_seconds
    actual = t.duration(one.rto_seconds)
    return actual if goal is None else t("report.of", part=actual, whole=t.duration(goal))


def _limits(run: RunSummary, t: Words) -> Iterator[str]:
    """What the table of scenarios does not tell: stand-ins, differences, what was never begun."""
    told = ("refuted", "unknown", "not_proven_here", "not_applicable")
    found = [one for one in limits_of(run, t) if one.kind not in told]
    if not found:
        return
    lines = [
        f"- {t(f'limits.{one.kind}')}: {escaped(one.what)}"
        + (f" – {escaped(conclusion(t, one.why))}" if one.why else "")
        for one in found[:_MOST_LISTED]
    ]
    if len(found) > _MOST_LISTED:
        lines.append(f"- {t('report.not_shown', count=t.whole(len(found) - _MOST_LISTED))}")
    yield _folded(t("limits.title"), lines)


def _section(section: Section, t: Words) -> str:
    lines = [escaped(line, 600) + "\n" for line in section.lead]
    lines += [f"- {escaped(name)}: {escaped(said)}" for name, said in section.facts]
    for series in section.series:
        lines += _series(series)
    for table in section.tables:
        lines += _table(table, t)
    return _folded(escaped(section.title), lines)


def _series(series: Series) -> list[str]:
    points = [f"{escaped(point.label, 60)}: {escaped(point.said, 60)}" for point in series.points[-10:]]
    target = f" ({escaped(series.target_said, 60)})" if series.target_said else ""
    return ["", f"**{escaped(series.title)}**{target}", "", *(f"- {point}" for point in points)]


def _table(table: Table, t: Words) -> list[str]:
    rows = [
        "| "
        + " | ".join(
            f"{_sign(cell)} {t.outcome(cell)}" if isinstance(cell, Outcome) else escaped(cell, _NAME) or " "
            for cell in row
        )
        + " |"
        for row in table.rows[:_MOST_LISTED]
    ]
    header: Sequence[str] = [escaped(name, 60) or " " for name in table.header]
    return ["", f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *rows, ""]


def _folded(title: str, lines: Sequence[str]) -> str:
    return f"\n<details><summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n"


def _foot(run: RunSummary, t: Words) -> Iterator[str]:
    facts = run.facts
    seal = escaped(t.seal(facts.key))
    head = f" {escaped(run.heads[0].hash[:16])}…" if run.heads else ""
    yield f"<sub>{t('report.run', run=escaped(facts.run))} · {t('run.head')}{head} · {seal}</sub>"
    if facts.command:
        yield ""
        yield f"<details><summary>{t('markdown.again')}</summary>\n"
        yield f"<pre>{html.escape(one_line(printable(facts.command), 1000), quote=False)}</pre>\n"
        yield f"{t('markdown.checked')}\n\n</details>"
