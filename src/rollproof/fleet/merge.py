"""Several runs of one drill as one: in an order, and with a name, that depend on the runs alone."""

from __future__ import annotations

import filecmp
import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.drill.merging import append_in_order, copy_attachments, in_order
from rollproof.drill.recovery import FINISHED, JOURNAL
from rollproof.errors import BadInput
from rollproof.evidence import point_latest, write_reports
from rollproof.evidence.reading import mapping, number, text
from rollproof.evidence.register import Register
from rollproof.evidence.standing.earlier import ACT, earlier_of
from rollproof.evidence.standing.record import earlier_in, put_earlier
from rollproof.journal import Attachments, Event, History, Journal, Kind, read_journal
from rollproof.journal.attachments import FOLDER
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome

if TYPE_CHECKING:
    from rollproof.model.systemfile import Settings

_DOING = "making one run of several"
_MERGING = ".merging.ndjson"
RUNS = "runs"
"""the folder in a merged run with the journals that it was made of"""


@dataclass(frozen=True)
class Part:
    """One of the runs."""

    folder: Path
    history: History

    @classmethod
    def read(cls, folder: Path) -> Part:
        """Raises JournalError for what cannot be read, BadInput for a run that never began."""
        part = cls(folder, read_journal(folder / JOURNAL))
        if not part.history.all("run.started"):
            raise BadInput("nothing was begun in this run", doing=_DOING, where=str(folder))
        return part

    @cached_property
    def run(self) -> str:
        return self.history.events[-1].run

    @cached_property
    def head(self) -> str:
        return self.history.events[-1].hash

    @cached_property
    def started(self) -> Event:
        return self.history.all("run.started")[0]

    @property
    def shard(self) -> tuple[int, int] | None:
        """Which part of how many; None for a run that was not split."""
        shard = mapping(self.started.data, "shard")
        index, count = number(shard, "index"), number(shard, "of")
        return None if index is None or count is None else (int(index), int(count))

    @property
    def same(self) -> tuple[str, str, int]:
        """What all parts of one run have in common: environment, plan, and how many parts there are."""
        shard = self.shard
        plan = mapping(self.started.data, "plan")
        return text(self.started.data, "environment"), text(plan, "digest"), shard[1] if shard else 0

    @property
    def closed(self) -> bool:
        """Whether its journal has come to an end, be it that a healer wrote it."""
        return self.history.last(FINISHED) is not None

    @property
    def whole(self) -> bool:
        """Whether each process that began also finished by itself."""
        ended = [note for note in self.history.all(FINISHED) if not text(note.data, "reason")]
        return bool(ended) and len(ended) >= len(self.history.all("run.started"))

    @property
    def refuted(self) -> bool:
        """Whether any claim was refuted in it, concluded or not."""
        return any(
            text(event.data, "outcome") == Outcome.REFUTED.value
            for act in ("verify", "scenario.concluded")
            for event in self.history.all(act)
        )

    @property
    def name(self) -> str:
        """Unique among the parts of a run; those of one run sort by their number."""
        return f"part-{self.shard[0]:05}-{self.run}" if self.shard else self.run


def merge_runs(folders: Sequence[Path], into: Path, *, incomplete: bool = False) -> Path:
    """Makes one run of several in the folder `into`, with its reports, and returns its folder.

    The same runs give the same bytes, whichever order they are named in and whenever it is done. How
    everything stood in `into` before is written down when they are merged there first. A run named twice
    counts once. Of a part that was done again because its process died, the attempt that died is left out
    and named, unless it refuted something: that stays.

    Args:
        incomplete: merge though parts are missing; the merged run is then unknown at best.

    Raises:
        BadInput: the runs do not belong together, a part is missing, or was finished twice.
        JournalError: a journal cannot be read or its chain is broken.
    """
    parts = _distinct([Part.read(folder) for folder in folders])
    _expect_together(parts)
    missing = _missing(parts)
    if missing and not incomplete:
        raise BadInput(
            f"{_say_missing(missing, parts)}; what was to be drilled in it is not known",
            doing=_DOING,
            where=", ".join(str(part.folder) for part in parts),
            remedy="name its run as well, or give --incomplete: the merged run is then unknown at best",
        )
    kept, dead = _without_dead(parts)
    run = _name(kept + dead)
    folder = into / run
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _earlier(folder, into, kept)
    _enter(into, run, kept)
    said = _say_missing(missing, parts) if missing else ""
    if _write(folder, run, kept, dead, missing=said, earlier=earlier):
        write_reports(folder)
    point_latest(into, run)
    return folder


def close_merged(folder: Path, settings: Settings) -> str:
    """Seals a merged run, once, and sends its copies; what is said of the seal. Errors as `seal_run`."""
    from rollproof.seal.closing import send_copies
    from rollproof.seal.sealing import is_sealed, seal_run

    if is_sealed(folder):
        return "sealed before"
    sealed = seal_run(folder, settings.seal, root=settings.root)
    send_copies(sealed, settings.seal, root=settings.root)
    return str(sealed)


def _enter(into: Path, run: str, kept: Sequence[Part]) -> None:
    """In the index as every run is, before anything of it is written."""
    scenarios = sorted({event.actor for part in kept for event in part.history.all("scenario.started")})
    Register(into).planned(
        run,
        {
            "environment": kept[0].same[0],
            "plan": text(mapping(kept[0].started.data, "plan"), "name"),
            "scenarios": len(scenarios),
            "digest": sha256("\n".join(scenarios).encode()).hexdigest(),
        },
    )


def _distinct(parts: Sequence[Part]) -> list[Part]:
    by_head = {part.head: part for part in parts}
    distinct = sorted(by_head.values(), key=lambda part: (part.name, part.head))
    for one, other in itertools.pairwise(distinct):
        if one.run == other.run:
            raise BadInput(
                f"{one.folder} and {other.folder} are the same run with different journals",
                doing=_DOING,
                where=one.run,
                remedy="find out which of the two is the run's own, and name only that one",
            )
    for part in distinct:
        if not part.closed:
            raise BadInput(
                "this run has not ended, or was killed and is not healed yet",
                doing=_DOING,
                where=str(part.folder),
                remedy="wait for its end, or run `rollproof heal` on the folder that it is in",
            )
    return distinct


def _expect_together(parts: Sequence[Part]) -> None:
    names = ("environment", "plan", "number of parts")
    for one in parts[1:]:
        for name, mine, others in zip(names, one.same, parts[0].same, strict=True):
            if mine != others:
                raise BadInput(
                    f"the {name} is not the same in both: {mine or 'none'}, and {others or 'none'}",
                    doing=_DOING,
                    where=f"{one.folder}, {parts[0].folder}",
                    remedy="merge only runs of one drill",
                )
    claimed: dict[str, Part] = {}
    for part in parts:
        if part.shard is None:
            for scenario in {event.actor for event in part.history.all("scenario.started")}:
                other = claimed.setdefault(scenario, part)
                if other is not part and part.whole and other.whole:
                    raise _twice(part, other, scenario)


def _twice(one: Part, other: Part, what: str) -> BadInput:
    return BadInput(
        f"both runs have finished it: {what}",
        doing=_DOING,
        where=f"{one.folder}, {other.folder}",
        remedy="these are two drills, and choosing the better one is no evidence; merge them apart",
    )


def _missing(parts: Sequence[Part]) -> list[int]:
    count = parts[0].same[2]
    return sorted(set(range(count)) - {part.shard[0] for part in parts if part.shard})


def _say_missing(missing: Sequence[int], parts: Sequence[Part]) -> str:
    numbers, count = ", ".join(map(str, missing)), parts[0].same[2]
    many = len(missing) > 1
    return f"part{'s' if many else ''} {numbers} of {count} {'are' if many else 'is'} missing"


def _without_dead(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """What counts, and the attempts that died and were done again."""
    done: dict[int, Part] = {}
    for part in parts:
        if part.shard and part.whole:
            if part.shard[0] in done:
                raise _twice(part, done[part.shard[0]], f"part {part.shard[0]} of {part.shard[1]}")
            done[part.shard[0]] = part
    dead = [
        part for part in parts if part.shard and part.shard[0] in done and not part.whole and not part.refuted
    ]
    return [part for part in parts if part not in dead], dead


def _name(parts: Sequence[Part]) -> str:
    """Sorts by time as every run's id does: when the first part began, and a digest of all of them."""
    first = min(part.run.partition("-")[0] for part in parts)
    digest = sha256("".join(sorted(part.head for part in parts)).encode()).hexdigest()
    return f"{first}-{digest[:6]}"


def _earlier(folder: Path, into: Path, kept: Sequence[Part]) -> str | None:
    """What earlier runs came to, as an attachment; as it was written down when these were merged first."""
    if (folder / JOURNAL).exists():
        history = read_journal(folder / JOURNAL)
        mine = [note for note in history.all(ACT) if note.run == history.events[0].run]
        return text(mine[0].data, "history") if mine else None
    controls = next(filter(None, (earlier_of(part.history).controls for part in kept)), {})
    found = earlier_in(into, controls, until=_last(kept))
    return put_earlier(Attachments(folder), found)


def _last(kept: Sequence[Part]) -> str:
    return max(part.history.events[-1].at for part in kept)


def _write(
    folder: Path, run: str, kept: Sequence[Part], dead: Sequence[Part], *, missing: str, earlier: str | None
) -> bool:
    """The journal gets its name only when it is whole. False when the same one is there already."""
    for part in kept:
        copy_attachments(part.folder / FOLDER, folder / FOLDER)
    for part in (*kept, *dead):
        place = folder / RUNS / part.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part.folder / JOURNAL, place / JOURNAL)
    (folder / _MERGING).unlink(missing_ok=True)
    with Journal(folder / _MERGING, run=run) as journal:
        heads: dict[str, Json] = {part.name: part.head for part in kept}
        left_out: dict[str, Json] = {part.name: part.head for part in dead}
        said: dict[str, Json] = {"parts": heads, **({"left_out": left_out} if left_out else {})}
        _note(journal, run, kept, "parts.merged", said)
        if earlier:
            _note(journal, run, kept, ACT, {"history": earlier})
        append_in_order(journal, in_order({part.name: part.history for part in kept}))
        if missing:
            _note(journal, run, kept, FINISHED, {"outcome": "unknown", "reason": missing})
    if (folder / JOURNAL).exists() and filecmp.cmp(folder / JOURNAL, folder / _MERGING, shallow=False):
        (folder / _MERGING).unlink()
        return False
    (folder / _MERGING).replace(folder / JOURNAL)
    return True


def _note(journal: Journal, run: str, kept: Sequence[Part], act: str, data: dict[str, Json]) -> None:
    """An event of the merging itself. Its time is that of the last thing that happened in any part."""
    journal.append(Event(0, _last(kept), 0, run, "run", Kind.NOTE, act, data, ""), data=data)
