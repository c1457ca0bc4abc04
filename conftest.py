"""This repository's own choices. How drills run is the plugin's business, not this file's."""

from __future__ import annotations

collect_ignore_glob = ["systems/*", "reports/*", "benchmarks/*"]
