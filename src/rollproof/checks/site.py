"""Does the site serve what it served before, to everybody, whatever page a cache still holds?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rollproof.checks.evidence import as_list, as_object, lines, need
from rollproof.checks.registry import check
from rollproof.checks.sitehistory import Seen, need_opened, seen_sites
from rollproof.journal import Event, History
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ROLLBACKS = ("site.restore_versions", "site.switch_origin", "site.publish", "release.roll_back")
PAGE_SECONDS = 3600
"""A browser that keeps a page longer than this without asking shows it long after a rollback."""
LASTING_SECONDS = 86400
"""A file that is kept this long must never have other bytes under its name."""
WORDS = 0.6
"""Share of the words of the page from before that it must show again; some change with the day."""


@check("site-serves-the-build", "the site serves the build from before", sees=("site",), answers=ROLLBACKS)
def site_serves_the_build(history: History) -> Verdict:
    """Each page from before, and all that it names, is answered with the bytes from before."""
    findings, count = [], 0
    for seen in seen_sites(history, "before", "after"):
        for path in seen.wanted("before"):
            count += 1
            if said := _unlike_before(seen, path):
                findings.append(f"{seen.name}{path}: {said}")
    if findings:
        return refuted(f"{len(findings)} of {count} paths are not as before", *lines(findings), paths=count)
    if not count:
        return unknown("the site from before has no page, so nothing could be wrong with it")
    return proven(f"{count} paths are answered with the bytes from before", paths=count)


def _unlike_before(seen: Seen, path: str) -> str:
    """What is wrong with an answer; empty when it is as before."""
    now, stored, then = seen.answer("after", path), seen.stored("before", path), seen.answer("before", path)
    if now is None:
        return "it was not asked"
    status = 200 if stored is not None else (then or {}).get("status")
    if now["status"] != status:
        return _status(now)
    if now["sha256"] in _digests_before(seen, path):
        return ""
    broken = seen.stored("broken", path) if "broken" in seen.builds else None
    if broken is not None and broken["sha256"] == now["sha256"]:
        return f"still the broken build's{_kept_since(now)}"
    return f"other bytes than before{_kept_since(now)}"


def _digests_before(seen: Seen, path: str) -> set[str]:
    """Of the stored object and of what visitors were answered: a function at the edge may change bytes."""
    found = [seen.stored("before", path), seen.answer("before", path)]
    return {str(said["sha256"]) for said in found if said is not None}


def _status(now: Mapping[str, Json]) -> str:
    if now["status"] == 0:
        return f"no answer ({now['error']})"
    return f"answered {now['status']}{_kept_since(now)}"


def _kept_since(now: Mapping[str, Json]) -> str:
    return f", from a cache that has had it for {now['age']} s" if now.get("age") is not None else ""


@check("site-coherent", "every page that a cache may hold finds its assets", sees=("site",))
def site_coherent(history: History) -> Verdict:
    """What any page of any build names is there, with the bytes of a build that names it, and its type.

    What a build named and never had is that build's own fault: it is counted, and no rollback can mend it.
    """
    findings, count, never = [], 0, 0
    for seen in seen_sites(history, "before", "after"):
        for path, namers in _named(seen).items():
            having = [label for label in namers if seen.stored(label, path) is not None]
            if not having and (seen.answer("before", path) or {}).get("status") != 200:
                never += 1
                continue
            count += 1
            findings += [f"{seen.name}{path}: {s}" for s in _incoherent(seen, path, having, namers)]
    numbers = {"assets": count, "never_there": never}
    if findings:
        return refuted(f"{len(findings)} assets that pages name are not right", *lines(findings), **numbers)
    if not count:
        return unknown("no page names any asset, so none could be missing", **numbers)
    return proven(f"{count} assets that pages of {_builds(history)} name are there", **numbers)


def _builds(history: History) -> str:
    labels = dict.fromkeys(str(event.data["label"]) for event in history.all("site.build"))
    return f"{len(labels)} captured builds"


def _named(seen: Seen) -> dict[str, list[str]]:
    """The labels of the builds that name each path; `after` is what is to be judged, and names too."""
    found: dict[str, list[str]] = {}
    for label in seen.builds:
        for _, path, _, _, optional in seen.names(label):
            if not optional and label not in found.setdefault(path, []):
                found[path].append(label)
    return {path: labels for path, labels in found.items() if labels}


def _incoherent(seen: Seen, path: str, having: Sequence[str], namers: Sequence[str]) -> Iterator[str]:
    now = seen.answer("after", path)
    if now is None:
        yield "it was not asked"
        return
    if now["status"] != 200:
        yield f"{_status(now)}, though pages of {', '.join(namers)} name it"
        return
    earlier = [label for label in having if label != "after"] or having
    stored = [said for label in earlier if (said := seen.stored(label, path)) is not None]
    then = seen.answer("before", path)
    allowed = {said["sha256"] for said in [*stored, *([then] if then and then["status"] == 200 else [])]}
    if stored and now["sha256"] not in allowed:
        yield f"bytes of no build that names it{_kept_since(now)}"
    yield from _mistyped(seen, path, now, stored)
    yield from _unverified(seen, path, now)


def _mistyped(
    seen: Seen, path: str, now: Mapping[str, Json], stored: Sequence[Mapping[str, Json]]
) -> Iterator[str]:
    given = as_object(now["headers"]).get("content-type")
    before = [
        as_object(said["headers"]).get("content-type")
        for label in seen.answers
        if label != "after" and (said := seen.answer(label, path)) and said["status"] == 200
    ]
    wanted = {str(one) for one in [*before, *(said.get("content-type") for said in stored)]}
    if wanted and str(given) not in wanted:
        yield f"content type {given}, not {' or '.join(sorted(wanted))}"


def _unverified(seen: Seen, path: str, now: Mapping[str, Json]) -> Iterator[str]:
    """Subresource Integrity (W3C): a browser refuses bytes that have none of the strongest digests named."""
    for label in seen.builds:
        for by, named, _, integrity, _ in seen.names(label):
            if named == path and integrity and not _fits(integrity, as_object(now.get("digests") or {})):
                yield f"not the bytes whose integrity {by} of {label} asserts"
                return


def _fits(integrity: str, digests: Mapping[str, Json]) -> bool:
    wanted = [one.partition("?")[0].partition("-") for one in integrity.split()]
    known = [(name, digest) for name, _, digest in wanted if name in {"sha256", "sha384", "sha512"}]
    if not known:
        return True
    strongest = max(name for name, _ in known)
    return any(name == strongest and digests.get(name) == digest for name, digest in known)


@check("site-headers-kept", "content types and cache headers are as before", sees=("site",))
def site_headers_kept(history: History) -> Verdict:
    """Every header that a browser acts on, of each path that was answered before and is now."""
    findings, count = [], 0
    for seen in seen_sites(history, "before", "after"):
        for path in seen.answers["before"]:
            then, now = seen.answer("before", path), seen.answer("after", path)
            if then is None or now is None or (then["status"], now["status"]) != (200, 200):
                continue
            count += 1
            findings += _other_headers(f"{seen.name}{path}", then, now)
    if findings:
        return refuted(f"{len(findings)} headers are not as before", *lines(findings), paths=count)
    if not count:
        return unknown("no path was answered before and after, so no header could be compared")
    return proven(f"the headers of {count} paths are as before", paths=count)


def _other_headers(where: str, then: Mapping[str, Json], now: Mapping[str, Json]) -> list[str]:
    before, after = as_object(then["headers"]), as_object(now["headers"])
    return [
        f"{where}: {name} {before.get(name, 'none')} before, {after.get(name, 'none')} now"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


@check("site-caching-sound", "no page is kept for good, and no lasting file changed", sees=("site",))
def site_caching_sound(history: History) -> Verdict:
    """A page is neither immutable nor kept for hours; a name that is kept for days has one content."""
    findings, count = [], 0
    for seen in seen_sites(history, "before", "after"):
        pages = {path for label in seen.builds for path in ("/", *seen.pages(label))}
        answered = [(path, seen.answer("after", path)) for path in pages if seen.answer("after", path)]
        count += len(answered)
        findings += [
            f"{seen.name}{p}: {s}" for p, said in sorted(answered) if said and (s := _kept_long(said))
        ]
        findings += [f"{seen.name}{said}" for said in _rewritten(seen)]
    if findings:
        return refuted("what caches keep is not sound", *lines(findings), pages=count)
    if not count:
        return unknown("no page was answered, so nobody knows how long one is kept")
    return proven(f"{count} pages are asked for again, and no lasting file changed", pages=count)


def _kept_long(said: Mapping[str, Json]) -> list[str]:
    control = str(as_object(said["headers"]).get("cache-control", ""))
    if said["status"] != 200 or not _lasts(control, PAGE_SECONDS):
        return []
    return [f"a page that is kept too long: {control}"]


def _lasts(control: str, seconds: int) -> bool:
    """Whether a browser keeps it for longer than so many seconds without asking."""
    said = {part.strip().lower() for part in control.split(",")}
    if said & {"no-cache", "no-store"}:
        return False
    ages = [part.partition("=")[2] for part in said if part.startswith("max-age=")]
    return "immutable" in said or any(age.isdigit() and int(age) > seconds for age in ages)


def _rewritten(seen: Seen) -> list[str]:
    contents: dict[str, set[str]] = {}
    for label in seen.builds:
        for path, said in seen.files(label).items():
            if _lasts(str(said.get("cache-control") or ""), LASTING_SECONDS - 1):
                contents.setdefault(path, set()).add(str(said["sha256"]))
    return [f"{path}: a lasting file with {len(c)} contents" for path, c in contents.items() if len(c) > 1]


@check(
    "site-invalidated",
    "what the rollback changed was invalidated, completely",
    sees=("site",),
    answers=("site.invalidate",),
)
def site_invalidated(history: History) -> Verdict:
    """Completed invalidations, made after the last change, name every path that the fault had changed."""
    findings, count = [], 0
    for seen in seen_sites(history, "before", "broken", "after"):
        made = _made_since(history, seen.name)
        covering = [str(p) for one in made if one["status"] == "Completed" for p in as_list(one["items"])]
        changed = _changed(seen)
        count += len(changed)
        unfinished = [str(one["created"]) for one in made if one["status"] != "Completed"]
        findings += [f"{seen.name}: invalidation {one} has not completed" for one in unfinished]
        missed = [p for p in changed if not any(invalidates(pattern, p) for pattern in covering)]
        findings += [f"{seen.name}{path}: no invalidation since names it" for path in missed]
    if findings:
        return refuted("what edges keep was not all invalidated", *lines(findings), paths=count)
    if not count:
        return unknown("the fault changed no path, so nothing had to be invalidated")
    return proven(f"{count} changed paths were invalidated", paths=count)


def _made_since(history: History, name: str) -> list[Mapping[str, Json]]:
    """Invalidations that were not there yet when the site had last been changed, as far as that is known."""
    events = [e for e in history.all("site.invalidations") if e.data.get("name") == name]
    after = next((e for e in reversed(events) if e.data["label"] == "after"), None)
    earlier = next((e for e in reversed(events) if e.data["label"] in ("broken", "changed")), None)
    known = {str(as_object(one)["created"]) for one in as_list(earlier.data["items"])} if earlier else set()
    listed = as_list(need(after, f"the invalidations of site {name}").data["items"])
    return [one for one in map(as_object, listed) if str(one["created"]) not in known]


def _changed(seen: Seen) -> list[str]:
    """Paths from before and pages of the broken build: those with other bytes in it, or none."""
    paths = dict.fromkeys([*seen.wanted("before"), "/", *seen.pages("broken")])
    return [path for path in paths if _digest(seen, "before", path) != _digest(seen, "broken", path)]


def _digest(seen: Seen, label: str, path: str) -> Json:
    return (seen.stored(label, path) or {}).get("sha256")


def invalidates(pattern: str, path: str) -> bool:
    """Whether an invalidation path names a path; `*` only counts as its last character, and case counts."""
    pattern = pattern if pattern.startswith("/") else f"/{pattern}"
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


@check("site-opens", "the site opens in a browser as before", sees=("site-browser",))
def site_opens(history: History) -> Verdict:
    """No complaint and no failed request that was not there before; the page's text is there again."""
    findings, complaints = [], 0
    for seen in seen_sites(history):
        after = need_opened(history, seen.name, "after")
        findings += [f"{seen.name}: {said}" for said in _trouble(after, seen.opened.get("before"))]
        complaints += len(as_list(after["errors"])) + len(as_list(after["failed"]))
    if findings:
        return refuted("the page does not open as before", *lines(findings))
    return proven(
        "the page opened without a new complaint, its text is there", complaints_as_before=complaints
    )


def _trouble(after: Mapping[str, Json], before: Mapping[str, Json] | None) -> list[str]:
    known = before or {"errors": [], "failed": [], "words": []}
    found = [] if after["finished"] else ["it did not come to rest in time"]
    for kind, said in (("errors", "complains"), ("failed", "a request failed")):
        earlier = set(map(str, as_list(known[kind])))
        found += [f"{said}: {line}" for line in map(str, as_list(after[kind])) if line not in earlier]
    there, wanted = set(map(str, as_list(after["words"]))), set(map(str, as_list(known["words"])))
    if not there and (wanted or before is None):
        found.append("the page shows no text")
    elif wanted and len(there & wanted) < WORDS * len(wanted):
        found.append(f"the page shows {len(there & wanted)} of {len(wanted)} words from before")
    return found


@check("site-fault-seen", "a visitor would have seen the fault")
def site_fault_seen(history: History) -> Verdict:
    """While the broken build was there, the site was not well: what tells whole from broken can tell."""
    seen_so = []
    for seen in seen_sites(history, "before", "broken"):
        seen_so += [f"{seen.name}{said}" for said in _broken_answers(seen)]
        if "broken" in seen.opened:
            seen_so += [
                f"{seen.name}: {s}" for s in _trouble(seen.opened["broken"], seen.opened.get("before"))
            ]
    if not seen_so:
        return refuted("the site looked well although a broken build was there")
    return proven(f"seen: {seen_so[0]}", signs=len(seen_so))


def _broken_answers(seen: Seen) -> list[str]:
    """The front page does not come, or what the broken build's pages name does not."""
    found = []
    for path in dict.fromkeys(["/", *(name[1] for name in seen.names("broken") if not name[4])]):
        said, before = seen.answer("broken", path), seen.answer("before", path)
        if said is None or (before is not None and before["status"] == said["status"] != 200):
            continue
        if said["status"] != 200:
            found.append(f"{path}: {_status(said)}")
        elif path != "/" and (masked := _masked(seen, path, said)):
            found.append(f"{path}: {masked}")
    return found


def _masked(seen: Seen, path: str, said: Mapping[str, Json]) -> str:
    """An asset that is answered with a page instead of `not found`, as single-page sites are set up."""
    stored = seen.stored("broken", path)
    if stored is None and "text/html" in str(as_object(said["headers"]).get("content-type", "")):
        return "a page instead of the asset"
    return ""


@check(
    "site-restored",
    "the site's resources are as before, but for what nothing names",
    sees=("resources", "site"),
)
def site_restored(history: History) -> Verdict:
    """Every object, setting and part of the distribution from before is as it was.

    An object that was added is reported: nothing serves it unless a page names it, and then it is refuted.
    """
    event = need(_compared(history), "how the site compares with before")
    recorded = as_list(history.attachment(event.data["differences"]))
    differences = [Difference.from_json(as_object(item)) for item in recorded]
    named = {f"{s.name}: {p}" for s in seen_sites(history, "before", "after") for p in _named_now(s)}
    left = [d for d in differences if _added_object(d) and not _is_named(d, named)]
    wrong = [d for d in differences if d not in left]
    numbers = {"facts": event.data.get("count"), "left_over": len(left)}
    if not event.data.get("count"):
        return unknown("nothing was read of the site before, so nothing could differ")
    if wrong:
        said = f"{len(wrong)} differences, such as {wrong[0]}"
        return refuted(f"the site is not what it was: {said}", *lines(wrong), **numbers)
    more = f"; {len(left)} objects are left over, and no page names them" if left else ""
    return proven(f"the site is as it was before{more}", **numbers)


def _compared(history: History) -> Event | None:
    events = [e for e in history.all("resources.compared") if e.data.get("kind") == "site"]
    return events[-1] if events else None


def _added_object(difference: Difference) -> bool:
    return difference.kind == "object" and difference.attribute is None and difference.before is None


def _named_now(seen: Seen) -> set[str]:
    """Paths that pages name now and that were not there before."""
    there = seen.files("before")
    return {path for _, path, _, _, _ in seen.names("after") if path not in there}


def _is_named(difference: Difference, named: set[str]) -> bool:
    name, _, key = difference.name.partition(": ")
    return any(one.startswith(f"{name}: ") and key.endswith(one.partition(": /")[2]) for one in named)
