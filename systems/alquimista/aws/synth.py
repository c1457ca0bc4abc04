"""The system's own `cdk synth`: makes the releases' folders from templates, functions and frontend.

    python aws/synth.py
    python aws/synth.py --env prod --output build      # for `cdk deploy --app build/2.4.0`

Each release becomes `releases/<name>/`, a cloud assembly: manifest.json, a template and a list of assets for
each stack, and the built frontend. Functions go to `releases/asset.<digest>/`, which releases share. The same
sources make the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from stacks import alquimista, fibonacci, frontend, nigredo
from stacks.constructs import Asset, Stack, Value
from stacks.releases import RELEASES, Release

HERE = Path(__file__).resolve().parent
SYSTEM = HERE.parent
VERSION = "36.0.0"
"""of the cloud assembly's schema"""
BUILDS: Mapping[str, Callable[[Stack], None]] = {
    "AlquimistaStack": alquimista.build,
    "FibonacciStack": fibonacci.build,
    "NigredoStack": nigredo.build,
    "FrontendStack": frontend.build,
}
DEPENDS = {"FibonacciStack": ["AlquimistaStack"], "NigredoStack": ["AlquimistaStack"]}
SHARED = (HERE / "functions" / "shared", SYSTEM / "service")
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "list-agents": ("alquimista_aws", "alquimista_api"),
    "leads": ("alquimista_aws", "alquimista_api"),
    "commands": (),
    "rotate-secret": (),
    "gate": (),
}
"""function -> packages that it takes along"""
Files = dict[str, bytes]
"""content by path, with slashes"""


def synthesise(release: Release, *, env: str) -> Files:
    """Everything that `releases/` holds for one release.

    Args:
        env: part of the stacks' names; none when empty.
    """
    functions = {name: function_files(name, release) for name in FUNCTIONS}
    assets = {name: Asset(name, digest(files)) for name, files in functions.items()}
    stacks = {name: Stack(name, release, assets) for name in BUILDS}
    made: Files = {}
    for name, stack in stacks.items():
        BUILDS[name](stack)
        made |= {f"{release.name}/{file}": written(content) for file, content in stack_files(stack).items()}
        for asset in stack.used:
            files = functions[asset.name]
            made |= {f"asset.{asset.digest}/{file}": content for file, content in files.items()}
    made[f"{release.name}/manifest.json"] = written(manifest(env))
    return made | {f"{release.name}/frontend/{file}": text for file, text in frontend_files(release).items()}


def function_files(name: str, release: Release) -> Files:
    """A function's folder: its own files, those of the release laid over them, and shared packages."""
    files = folder(HERE / "functions" / name) | folder(overlay(release) / "functions" / name)
    for package in FUNCTIONS[name]:
        where = next(root / package for root in SHARED if (root / package).is_dir())
        files |= {f"{package}/{path}": content for path, content in folder(where).items()}
    return files


def frontend_files(release: Release) -> Files:
    """The built site: index.html, and assets named by a digest of what is in them."""
    sources = folder(HERE / "frontend") | folder(overlay(release) / "frontend")
    page = sources.pop("index.html").decode().replace("{version}", release.name)
    built: Files = {}
    for name, content in sources.items():
        text = content.replace(b"{version}", release.name.encode())
        stem, suffix = name.rsplit(".", 1)
        hashed = f"{stem}.{hashlib.sha256(text).hexdigest()[:8]}.{suffix}"
        page = page.replace("{" + name + "}", hashed)
        if name != release.forgets:
            built[hashed] = text
    return built | {"index.html": page.encode()}


def stack_files(stack: Stack) -> dict[str, Value]:
    """A stack's template and the list of what has to be uploaded before it is deployed."""
    template = stack.template()
    body = hashlib.sha256(written(template)).hexdigest()
    files = {body: _file(f"{stack.name}.template.json", f"{body}.json", "file")} | {
        asset.digest: _file(f"../asset.{asset.digest}", f"{asset.digest}.zip", "zip") for asset in stack.used
    }
    return {
        f"{stack.name}.template.json": template,
        f"{stack.name}.assets.json": {"version": VERSION, "files": files, "dockerImages": {}},
    }


def _file(path: str, key: str, packaging: str) -> dict[str, Value]:
    place = {"bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "objectKey": key}
    return {
        "source": {"path": path, "packaging": packaging},
        "destinations": {"current_account-current_region": place},
    }


def manifest(env: str) -> dict[str, Value]:
    """What the assembly consists of, and which stack needs which."""
    artifacts: dict[str, Value] = {}
    suffix = f"-{env}" if env else ""
    for name in BUILDS:
        artifacts[f"{name}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{name}.assets.json"},
        }
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": f"{name}.template.json", "stackName": f"{name}{suffix}"},
            "dependencies": [*DEPENDS.get(name, []), f"{name}.assets"],
            "displayName": name,
        }
    return {"version": VERSION, "artifacts": artifacts}


def overlay(release: Release) -> Path:
    return HERE / "overlays" / release.name


def folder(root: Path) -> Files:
    """The files below a folder; none when there is no such folder."""
    found = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def digest(files: Files) -> str:
    """Digest of a folder: of names and contents, in order."""
    listed = [(path, hashlib.sha256(content).hexdigest()) for path, content in sorted(files.items())]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def written(value: Value) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the releases' folders.")
    parser.add_argument("--output", type=Path, default=SYSTEM / "releases")
    parser.add_argument("--env", default="", help="environment that the stacks are named for")
    asked = parser.parse_args()
    shutil.rmtree(output := asked.output, ignore_errors=True)
    for release in RELEASES:
        made = synthesise(release, env=asked.env)
        for path, content in made.items():
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            (output / path).write_bytes(content)
        sys.stdout.write(f"{release.name}: {len(made)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
