"""Faults of a site: builds that are broken in the ways that visitors notice."""

from __future__ import annotations

import posixpath
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rollproof.components.aws.releases import Deployments
from rollproof.components.aws.site_acts import publish
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_build import BuiltFile, built_file
from rollproof.components.aws.site_change import remove
from rollproof.components.aws.site_references import SCRIPT, kind_of
from rollproof.components.aws.site_undo import BROKEN
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput, NotApplicable
from rollproof.faults.base import Fault
from rollproof.model.aws import Release
from rollproof.model.json import Json, JsonObject

NO_PAGE, SCRIPT_ERROR, MISSING_ASSET = "page-does-not-load", "script-error", "missing-asset"
_THROWS = b'throw new Error("this build is broken");\n'


@dataclass(frozen=True)
class BrokenBuild(Fault):
    """A broken build is published over, or beside, the one that is served.

    The system's own release that is broken by `frontend-<symptom>`, where it declares one; else a twin
    of the current build with that symptom.

    Attributes:
        symptom: `page-does-not-load`, `script-error` or `missing-asset`.
    """

    symptom: str = MISSING_ASSET

    def prepare(self, drill: Drill) -> None:
        if self.symptom not in _BREAKING:
            raise BadInput(
                f"no build can be broken by {self.symptom!r}", remedy=f"say one of: {', '.join(_BREAKING)}"
            )
        sites = drill.use(Sites)
        if not any(drill.system.site[name].builds for name in sites.names()):
            raise NotApplicable("no [site.*] declares `builds`, so no broken one can be published")

    def describe(self, drill: Drill) -> JsonObject:
        return {"kind": self.symptom}

    def inject(self, drill: Drill) -> JsonObject:
        sites, own = drill.use(Sites), declared(drill, self.symptom)
        drill.incident("fault", cause=f"a build was published whose symptom is: {self.symptom}")
        published: dict[str, Json] = {}
        for name in sites.names():
            if drill.system.site[name].builds:
                published[name] = self._publish(sites, name, own)
                sites.capture(name, BROKEN)
        return {"versions": published}

    def _publish(self, sites: Sites, name: str, own: Release | None) -> str:
        release = own or sites.drill.use(Deployments).release("current")
        files, called = sites.files(name, release), release.name
        if own is None:
            root = sites.place(name).root or sites.cloud.system.site[name].index
            files = _BREAKING[self.symptom](files, sites.cloud.system.site[name].cache, root)
            called = f"{release.name}-{self.symptom}"
        publish(sites, name, called, files)
        if self.symptom == NO_PAGE and own is None:
            place = sites.place(name)
            remove(sites.cloud.client("s3"), place.bucket, [place.folder + place.root])
        return called

    def took_hold(self, drill: Drill) -> bool:
        """Whether the bucket offers a broken build now; that visitors see it is looked at on its own."""
        sites = drill.use(Sites)
        return any(_offers(sites, name, self.symptom) for name in sites.names())


def declared(drill: Drill, symptom: str) -> Release | None:
    """The system's own release that is broken in this way; None for none."""
    found = [one for one in drill.system.release if one.broken == f"frontend-{symptom}"]
    return found[-1] if found else None


def _offers(sites: Sites, name: str, symptom: str) -> bool:
    before, broken = sites.known[name].builds.get("before"), sites.known[name].builds.get(BROKEN)
    if before is None or broken is None:
        return False
    if symptom == NO_PAGE:
        return broken.root not in broken.files or broken.files[broken.root]["bytes"] == 0
    if symptom == MISSING_ASSET:
        return any(named.path not in broken.files for named in broken.names if not named.optional)
    return broken.files.get(broken.root) != before.files.get(before.root)


def _without_page(files: list[BuiltFile], _: Mapping[str, str], root: str) -> list[BuiltFile]:
    """The build step failed and left everything but the page."""
    return [file for file in files if file.path != root]


def _with_script_error(files: list[BuiltFile], cache: Mapping[str, str], root: str) -> list[BuiltFile]:
    """Another script under another name, which ends with an error before it has done anything."""
    old = _script(files)
    if old is None:
        return [_saying(file, root, b"<script>" + _THROWS + b"</script>") for file in files]
    new = built_file(_renamed(old.path), _THROWS + old.body, cache)
    return [*_pointing(files, old.path, new.path), new]


def _with_missing_asset(files: list[BuiltFile], _: Mapping[str, str], root: str) -> list[BuiltFile]:
    """The page names an asset under its new name, and the upload forgot it."""
    old = _script(files)
    if old is None:
        name = f"/lost-{secrets.token_hex(4)}.js".encode()
        return [_saying(file, root, b'<script src="' + name + b'"></script>') for file in files]
    return _pointing(files, old.path, _renamed(old.path))


_BREAKING: Mapping[str, Callable[[list[BuiltFile], Mapping[str, str], str], list[BuiltFile]]] = {
    NO_PAGE: _without_page,
    SCRIPT_ERROR: _with_script_error,
    MISSING_ASSET: _with_missing_asset,
}


def _script(files: list[BuiltFile]) -> BuiltFile | None:
    """A script that a page names, in the page's own text."""
    pages = b"".join(file.body for file in files if file.page)
    scripts = (file for file in files if kind_of(file.path, file.headers["content-type"]) == SCRIPT)
    return next((file for file in scripts if posixpath.basename(file.path).encode() in pages), None)


def _renamed(path: str) -> str:
    folder, name = posixpath.split(path)
    stem, suffix = posixpath.splitext(name)
    stem = re.sub(r"[.\-_][0-9A-Za-z]{8,}$", "", stem)
    return posixpath.join(folder, f"{stem}.{secrets.token_hex(4)}{suffix}")


def _pointing(files: list[BuiltFile], old: str, new: str) -> list[BuiltFile]:
    before, after = posixpath.basename(old).encode(), posixpath.basename(new).encode()
    return [replace(f, body=f.body.replace(before, after)) if f.page else f for f in files]


def _saying(file: BuiltFile, root: str, what: bytes) -> BuiltFile:
    return replace(file, body=file.body + what) if file.path == root else file
