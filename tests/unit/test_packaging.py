"""What is installed is what is here."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_is_listed() -> None:
    source = ROOT / "src"
    found = {".".join(path.parent.relative_to(source).parts) for path in source.rglob("__init__.py")}
    assert set(SETUP["packages"]) == found | {"rollproof.steps", "rollproof.features"}


def test_every_file_that_the_code_reads_is_package_data() -> None:
    patterns = SETUP["package-data"]["*"]
    files = (path for path in (ROOT / "src").rglob("*") if path.is_file())
    data = [path for path in files if path.suffix not in (".py", ".pyc")]
    folders = [path.parent for path in (ROOT / "src").rglob("__init__.py")]
    missing = [
        path.relative_to(ROOT)
        for path in data
        if "egg-info" not in str(path)
        and not any(path in folder.glob(pattern) for folder in folders for pattern in patterns)
    ]
    assert missing == []
