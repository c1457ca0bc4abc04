"""Makes the example bundle anew: `python -m tests.bundles.make`.

A real drill of the smallest system, sealed by a key and signed off by another. Both private keys are
thrown away: nobody can seal in their names again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rollproof.seal.keyfile import make_key
from rollproof.seal.keys import public_keys

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "auditors.md"
EXAMPLE, KEYS = HERE / "example", HERE / "keys"
PYPROJECT = """
[tool.rollproof]
systems = ["system.toml"]
[tool.rollproof.seal]
key = "seal"
operator = "the operator"
"""


def main() -> None:
    """Replaces the bundle, its index and the public keys."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "mini"
        shutil.copytree(ROOT / "tests" / "examples" / "systems" / "mini", project)
        (project / "pyproject.toml").write_text(PYPROJECT)
        shutil.rmtree(project / "features", ignore_errors=True)
        (project / "features").mkdir()
        text = (ROOT / "features" / "migration.feature").read_text()
        (project / "features" / "migration.feature").write_text(text[: text.index("  @data @restore")])
        for name in ("seal", "reviewer"):
            make_key(project / name)
        _run(project, "pytest", "-q", "-p", "no:cacheprovider", "features/migration.feature")
        reviewer = ("--key", "reviewer", "--as", "the reviewer", "--remark", "read the report and the plan")
        _run(project, "rollproof", "sign", "reports/latest", *reviewer)
        _take(project)


def _run(project: Path, module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=project, check=True, timeout=300)


def _take(project: Path) -> None:
    before = _names()
    for folder in (EXAMPLE, KEYS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    run = (project / "reports" / "latest").resolve()
    shutil.copytree(run, EXAMPLE / run.name)
    shutil.copyfile(project / "reports" / "index.ndjson", EXAMPLE / "index.ndjson")
    for name in ("seal", "reviewer"):
        shutil.copyfile(project / f"{name}.pub", KEYS / f"{name}.pub")
    text = PAGE.read_text(encoding="utf-8")
    for old, new in zip(before, _names(), strict=False):
        text = text.replace(old, new)
    PAGE.write_text(text, encoding="utf-8")


def _names() -> list[str]:
    """What docs/auditors.md says of the bundle: the run, its key's id, and the beginning of that."""
    runs = [path.name for path in EXAMPLE.glob("*") if path.is_dir()]
    keys = [key.keyid for key in public_keys([KEYS / "seal.pub"])] if runs else []
    return [*runs, *keys, *(key[:16] for key in keys)]


if __name__ == "__main__":
    main()
