"""What dashboards are given: the same journal gives the same numbers, and nothing is proven that is not."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet_support import run_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from receivers import http_receiver
from typer.testing import CliRunner

from rollproof.cli import app
from rollproof.drill.recovery import JOURNAL
from rollproof.errors import BadInput, EnvironmentUnavailable
from rollproof.evidence import summarise
from rollproof.evidence.metrics import HELP, LAST_PROVEN, Measured, Sample, samples
from rollproof.fleet.merge import merge_runs
from rollproof.journal import read_journal
from rollproof.telemetry import prometheus, traces

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def measured(*runs: Path) -> list[Sample]:
    return samples(Measured.of(read_journal(run / JOURNAL)) for run in runs)


def last_proven(found: list[Sample]) -> dict[str, float]:
    """By feature."""
    return {dict(one.labels)["feature"]: one.value for one in found if one.name == LAST_PROVEN}


def ended(run: Path) -> float:
    at = read_journal(run / JOURNAL).events[-1].at
    return datetime.fromisoformat(at).timestamp()


def test_the_last_proven_run_of_a_feature_stays_when_a_later_one_is_not(tmp_path: Path) -> None:
    good = run_of(tmp_path, "20261122T050000Z-000001", ["shop"], feature="Rollback")
    bad = run_of(tmp_path, "20261122T060000Z-000002", ["shop"], feature="Rollback", outcome="refuted")
    found = measured(bad, good)
    assert last_proven(found) == {"Rollback": ended(good)}
    assert (
        Sample(
            "rollproof_run_outcome",
            (("plan", "weekly"), ("environment", "embedded"), ("outcome", "refuted")),
            1.0,
        )
        in found
    )
    [count] = [
        one.value
        for one in found
        if one.name == "rollproof_scenarios" and ("outcome", "refuted") in one.labels
    ]
    assert count == 1


@pytest.mark.parametrize(
    "about",
    [{"left_out": ["-k one"]}, {"shard": {"index": 0, "of": 2}}],
    ids=["scenarios picked by hand", "a part of a run"],
)
def test_what_drilled_only_some_of_a_feature_does_not_prove_it(
    tmp_path: Path, about: dict[str, object]
) -> None:
    assert last_proven(measured(run_of(tmp_path, "20261122T050000Z-000001", ["shop"], about=about))) == {}  # type: ignore[arg-type]


def test_parts_made_one_prove_it(tmp_path: Path) -> None:
    parts = [run_of(tmp_path, f"20261122T05000{n}Z-00000{n}", [f"s{n}"], shard=(n, 2)) for n in range(2)]
    merged = merge_runs(parts, tmp_path / "into")
    assert {dict(one.labels)["system"] for one in measured(merged) if one.name == LAST_PROVEN} == {"s0", "s1"}


@pytest.mark.parametrize(
    "how", [{"ends": "killed"}, {"ends": "open"}, {"chosen": ["features/b.feature::two"]}]
)
def test_a_run_that_did_not_come_to_its_end_proves_nothing(tmp_path: Path, how: dict[str, object]) -> None:
    assert last_proven(measured(run_of(tmp_path, "20261122T050000Z-000001", ["shop"], **how))) == {}  # type: ignore[arg-type]


def test_prometheus_reads_what_is_written(tmp_path: Path) -> None:
    names = ['feature "with quotes"\\ and\nlines', "plain"]
    for number, name in enumerate(names):
        run_of(tmp_path, f"20261122T05000{number}Z-000001", ["shop"], feature=name)
    path = tmp_path / "rollproof.prom"
    prometheus.write_file(path, prometheus.metrics_of(tmp_path))
    families = {one.name: one for one in text_string_to_metric_families(path.read_text())}
    assert {one.labels["feature"] for one in families[LAST_PROVEN].samples} == set(names)
    assert path.stat().st_mode & 0o777 == 0o644, "another user reads it"
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []
    before = path.read_bytes()
    prometheus.write_file(path, prometheus.metrics_of(tmp_path))
    assert path.read_bytes() == before


def test_a_journal_that_was_altered_is_counted_and_proves_nothing(tmp_path: Path) -> None:
    run_of(tmp_path, "20261122T050000Z-000001", ["shop"], feature="one")
    other = run_of(tmp_path, "20261122T050000Z-000002", ["shop"], feature="two", outcome="refuted") / JOURNAL
    other.write_bytes(other.read_bytes().replace(b"refuted", b"proven"))
    found = prometheus.metrics_of(tmp_path)
    assert set(last_proven(found)) == {"one"}
    assert Sample("rollproof_runs_unreadable", (), 1.0) in found


def test_a_pushgateway_is_given_them_all(tmp_path: Path) -> None:
    run_of(tmp_path, "20261122T050000Z-000001", ["shop"])
    found = prometheus.metrics_of(tmp_path)
    with http_receiver() as gateway:
        prometheus.push(gateway.url, found)
        gateway.status = 400
        with pytest.raises(EnvironmentUnavailable, match="did not take the metrics"):
            prometheus.push(f"{gateway.url}?token=secret", found)
    assert gateway.paths[0] == "/metrics/job/rollproof"
    assert gateway.bodies[0] == prometheus.exposition(found)


@pytest.mark.parametrize("url", ["pushgateway:9091", "ftp://127.0.0.1", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="expected an address"):
        prometheus.expect_address(url, "--push")


def test_no_address_shows_its_secrets() -> None:
    assert prometheus.shown_address("https://u:p@host:1/path?key=x#y") == "https://host:1/path"


def test_a_collector_is_given_the_drill_as_spans(tmp_path: Path) -> None:
    run = run_of(tmp_path, "20261122T050000Z-000001", ["shop", "farm"], outcome="refuted")
    summary = summarise(read_journal(run / JOURNAL))
    with http_receiver() as collector:
        sent = traces.export_http(f"{collector.url}/v1/traces", summary)
        again = traces.export_http(f"{collector.url}/v1/traces", summary)
        collector.status = 400
        with pytest.raises(EnvironmentUnavailable, match="did not take the spans"):
            traces.export_http(f"{collector.url}/v1/traces", summary)
    request = ExportTraceServiceRequest.FromString(collector.bodies[0])
    spans = list(request.resource_spans[0].scope_spans[0].spans)
    assert len(spans) == sent == again
    assert collector.bodies[0] == collector.bodies[1], "a second export is of the same trace"
    assert [span.name for span in spans] == [
        "drill",
        *("one", "migration.roll_back", "heal"),
        *("one", "migration.roll_back", "heal"),
    ]
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    assert [span.parent_span_id in ids for span in spans] == [False] + [True] * 6
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert [span.status.code for span in spans] == [2, 2, 0, 0, 2, 0, 0], (
        "refuted is an error; an act claims nothing"
    )
    began = read_journal(run / JOURNAL).events[0].at
    assert spans[0].start_time_unix_nano == round(datetime.fromisoformat(began).timestamp() * 1e6) * 1000


def test_the_file_is_otlp_json(tmp_path: Path) -> None:
    run = run_of(tmp_path, "20261122T050000Z-000001", ["shop"])
    summary = summarise(read_journal(run / JOURNAL))
    assert traces.write_json(tmp_path / "trace.json", summary) == 4
    [resource] = json.loads((tmp_path / "trace.json").read_text())["resourceSpans"]
    spans = resource["scopeSpans"][0]["spans"]
    assert {re.fullmatch("[0-9a-f]{32}", span["traceId"]) is not None for span in spans} == {True}
    assert spans[1]["parentSpanId"] == spans[0]["spanId"]
    assert spans[0]["status"]["code"] == 1


def test_the_commands_say_what_is_wrong(tmp_path: Path) -> None:
    for arguments, said in (
        (["metrics", str(tmp_path)], "there is no run here"),
        (["trace", str(tmp_path), "--file", "x.json"], "the journal cannot be read"),
        (["trace", str(tmp_path)], "nothing says where the spans shall go"),
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert said in result.output


def test_every_metric_is_on_its_page() -> None:
    rows = re.findall(r"^\| `(rollproof_\w+)` \| (.*?) \| .* \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert dict(rows) == HELP


def test_times_are_those_of_the_journal(tmp_path: Path) -> None:
    before = datetime.now(UTC).timestamp()
    run = run_of(tmp_path, "20261122T050000Z-000001", ["shop"])
    [value] = last_proven(measured(run)).values()
    assert before <= value <= datetime.now(UTC).timestamp()
