"""Watching, measuring and alarms on a real emulator, and what is said when there is nothing to see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stack_support import client, make_drill

from rollproof.checks.watching import watch_steady, watched
from rollproof.components.aws import performance
from rollproof.components.aws.alarm import AwaitAlarm
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.logs import Line
from rollproof.components.aws.metrics import read_metrics, reported
from rollproof.components.aws.performance import Investigate
from rollproof.components.aws.watching import Watch
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import NotApplicable, PreconditionNotMet, SystemFileError
from rollproof.fidelity.trials import packed
from rollproof.model.verdict import Outcome

pytestmark = pytest.mark.slow  # whole systems deployed for each test; the drills do so as well

WATCH = {
    "duration": "300ms",
    "every": "1ms",
    "visible_rise": 0.2,
    "latency": "200ms",
    "hold": "500ms",
    "noise": "2s",
}
CODE = """
import os

def handler(event, context):
    print('an answer')
    if os.environ.get('BAD'):
        raise RuntimeError('on purpose')
    return {'statusCode': 200}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    session = DrillSession(
        folder=tmp_path_factory.mktemp("run") / "r", run="r", environment=EmbeddedEnvironment()
    )
    yield session
    session.finish("proven")


def drill_on(session: DrillSession, tmp_path: Path, **more: Any) -> Drill:
    system = {"function": {"mailer": {"name": "mailer", "payload": {"a": 1}}}, "watch": WATCH, **more}
    drill: Drill = make_drill(session, tmp_path, system, tags=("function",))
    return drill


def mailer(drill: Drill) -> Any:
    functions = client(drill, "lambda")
    functions.create_function(
        FunctionName="mailer",
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/r",
        Code={"ZipFile": packed(CODE)},
        Publish=True,
    )
    functions.create_alias(FunctionName="mailer", Name="LIVE", FunctionVersion="1")
    return functions


def breaks(functions: Any) -> None:
    functions.update_function_configuration(FunctionName="mailer", Environment={"Variables": {"BAD": "1"}})
    version = functions.publish_version(FunctionName="mailer")["Version"]
    functions.update_alias(FunctionName="mailer", Name="LIVE", FunctionVersion=version)


def test_a_system_that_stays_as_it_is_is_proven_steady(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path)
    mailer(drill)
    drill.require(Watch("before"))
    assert drill.attempt(Watch("after"))
    seen = watched(drill.history, "after")
    assert seen.series[0].target == "function.mailer"
    assert seen.series[0].samples[0].cold
    assert seen.logs[0].lines >= seen.asked
    assert drill.verify(watch_steady, **drill.system.watch.limits).outcome is Outcome.PROVEN


def test_a_function_that_fails_afterwards_is_refuted_by_answers_and_log(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = drill_on(session, tmp_path)
    functions = mailer(drill)
    drill.require(Watch("before"))
    breaks(functions)
    assert drill.attempt(Watch("after"))
    verdict = drill.verify(watch_steady, **drill.system.watch.limits)
    assert verdict.outcome is Outcome.REFUTED
    assert any(line.startswith("function.mailer: 0 of") for line in verdict.findings)
    assert any("log /aws/lambda/mailer: 0 errors before" in line for line in verdict.findings)


def test_a_system_with_nothing_to_ask_is_not_applicable(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, function={"mailer": {"name": "mailer"}})
    for act in (Watch("before"), Investigate()):
        with pytest.raises(NotApplicable, match="nothing that a watch could ask"):
            drill.require(act)


def test_a_name_that_cannot_be_asked_is_said(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, watch={**WATCH, "ask": ["api.shop"]})
    with pytest.raises(SystemFileError) as caught:
        drill.require(Watch("before"))
    assert caught.value.found == "'api.shop' is nothing that can be asked now"
    assert caught.value.remedy == "name some of: function.mailer"


def test_a_threshold_that_one_answer_would_exceed_is_refused(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, watch={**WATCH, "hold": "200ms"})
    with pytest.raises(SystemFileError) as caught:
        drill.require(Investigate())
    assert caught.value.where.endswith("watch.hold")


def test_a_system_that_is_not_slow_is_said_not_to_be(
    session: DrillSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "TIMES", 0.01)  # of 21 s
    drill = drill_on(session, tmp_path, watch={**WATCH, "latency": "20s", "hold": "21s"})
    mailer(drill)
    assert not drill.attempt(Investigate())
    assert "neither slower than" in drill.failed["performance.investigate"].found


def test_an_alarm_that_is_not_there_is_named(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path, alarm={"errors": {"name": "errors-{env}"}})
    with pytest.raises(PreconditionNotMet) as caught:
        drill.require(AwaitAlarm())
    assert caught.value.found == "there is no alarm 'errors-embedded'"


def test_a_function_without_calls_has_no_metrics(session: DrillSession, tmp_path: Path) -> None:
    drill = drill_on(session, tmp_path)
    functions = mailer(drill)
    since = datetime.now(UTC)
    none = read_metrics(drill.use(Cloud), "mailer", since=since)
    assert (none.invocations, none.errors, none.duration_ms, none.error_rate) == (None, None, None, None)
    functions.invoke(FunctionName="mailer", Qualifier="LIVE")
    some = read_metrics(drill.use(Cloud), "mailer", since=since)
    assert (some.invocations, some.error_rate) == (1.0, 0.0)
    assert some.duration_ms is not None


def test_report_lines_say_what_slow_calls_took() -> None:
    def line(text: str) -> Line:
        return Line(0, "stream", text)

    said = [
        line("REPORT RequestId: 1\tDuration: 10.5 ms\tBilled Duration: 11 ms\t"),
        line("REPORT RequestId: 2\tDuration: 900.0 ms\tBilled Duration: 900 ms\t"),
        line("REPORT RequestId: 3\tDuration: 100.0 ms\tBilled Duration: 1 ms\tInit Duration: 700.0 ms\t"),
        line("what the function itself says"),
    ]
    found = reported(said, threshold_ms=500)
    assert found is not None
    assert (found.calls, found.slow_ms, found.init_ms) == (3, 500.0, 350.0)
    assert reported([line("nothing")], threshold_ms=500) is None
