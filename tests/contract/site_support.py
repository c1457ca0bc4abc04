"""A small site of one's own on a real emulator: a bucket, a distribution, a page and what it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.site_bench import Sites
from rollproof.components.aws.site_build import built_file
from rollproof.components.aws.site_change import put_files
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.fidelity.cloudfront import CACHING_OPTIMIZED
from rollproof.model.system import System

NAME = "front"
CACHE = {"*.html": "public, max-age=0, s-maxage=600"}
PAGE = """<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="/logo.svg">
<link rel="stylesheet" href="/style.{version}.css"><main id="app">Loading</main>
<script type="module" src="/app.{version}.js"></script></html>"""
SCRIPT = """import "./part.{version}.js";
document.getElementById("app").textContent = "Shop open {version}"; import("/later.{version}.js");"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def shop(version: str) -> dict[str, str]:
    """The files of a build; `version` is eight characters with letters and digits, as in a digest."""
    return {
        "index.html": PAGE.format(version=version),
        "logo.svg": LOGO,
        f"style.{version}.css": f"main {{ background: url(/back.{version}.svg) }} /* {version} */",
        f"back.{version}.svg": LOGO,
        f"app.{version}.js": SCRIPT.format(version=version),
        f"part.{version}.js": f"export const part = '{version}';",
        f"later.{version}.js": f"export const later = '{version}';",
    }


def system(folder: Path, **site: object) -> System:
    """One site, and two healthy releases and the current one's files on disk."""
    releases = [{"name": name, "path": name} for name in ("1.0", "1.1")]
    for release, version in (("1.0", "0000aaaa"), ("1.1", "1111bbbb")):
        write(folder / release / "dist", shop(version))
    told = {"bucket": "shop-{account}", "distribution": "E0", "builds": "dist", "cache": CACHE, **site}
    data: dict[str, object] = {"system": {"name": "shop"}, "site": {NAME: told}, "release": releases}
    return System.model_validate({**data, "source": folder / "system.toml"})


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


class Shop:
    """A drill whose account has the site, set up as a template would: no builds published yet."""

    def __init__(
        self,
        session: DrillSession,
        folder: Path,
        *,
        versions: bool = True,
        enabled: bool = True,
        **site: object,
    ) -> None:
        name = f"a.feature::{len(session.journal.events)}"
        self.drill: Drill = session.drill(name, system(folder, **site), about={"tags": ["site"]})
        self.cloud = self.drill.use(Cloud)
        self.bucket = f"shop-{self.cloud.endpoint.account}"
        self.s3, self.cloudfront = self.cloud.client("s3"), self.cloud.client("cloudfront")
        self.s3.create_bucket(Bucket=self.bucket)
        if versions:
            status = {"Status": "Enabled"}
            self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=status)
        self.distribution = self._distribution(enabled)
        changed = self.drill.system.site[NAME].model_copy(update={"distribution": self.distribution})
        self.drill.system = self.drill.system.model_copy(update={"site": {NAME: changed}})
        self.cloud.system = self.drill.system
        self.sites = self.drill.use(Sites)

    def _distribution(self, enabled: bool) -> str:
        origin = {
            "Id": "files",
            "DomainName": f"{self.bucket}.s3.us-east-1.amazonaws.com",
            "OriginPath": "",
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
        behavior = {
            "TargetOriginId": "files",
            "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": CACHING_OPTIMIZED,
        }
        made = self.cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": self.bucket,
                "Comment": "",
                "Enabled": enabled,
                "DefaultRootObject": "index.html",
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": behavior,
            }
        )["Distribution"]
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement = {**everybody, "Resource": f"arn:aws:s3:::{self.bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=policy)
        return str(made["Id"])

    def put(self, files: Mapping[str, str], folder: str = "") -> None:
        built = [built_file(path, text.encode(), CACHE) for path, text in files.items()]
        put_files(self.s3, self.bucket, folder, built)

    def listed(self) -> list[str]:
        found: list[dict[str, Any]] = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [item["Key"] for item in found]

    def ask(self, path: str) -> tuple[int, str, str]:
        """Status, text and what X-Cache says."""
        answer = self.sites.visitor(NAME).ask(path)
        return answer.status, answer.body.decode(), answer.cached
