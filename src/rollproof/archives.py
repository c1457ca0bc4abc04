"""tar archives that are unpacked with care: nothing gets outside the folder, and nothing special is made.

Python has had that filter since 3.11.4; the backport brings it to every 3.11.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

if sys.version_info >= (3, 12):
    import tarfile
else:
    from backports import tarfile

TarError = tarfile.TarError


def unpack(archive: bytes, folder: Path) -> None:
    """All of a tar archive, compressed or not, into `folder`.

    Raises TarError: it is none, or holds what would get outside, or is no plain file, folder or link.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(folder, filter="data")
