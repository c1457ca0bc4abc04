"""Processor and memory of services: what a watch after a rollback must tell from one before."""

from __future__ import annotations

from dataclasses import replace

from rollproof.checks.steadiness import Limits, logs
from rollproof.checks.usages import usages
from rollproof.model.verdict import Outcome, worst
from rollproof.workload.samples import LogCount, Usage, Watched


def watch(
    *, cores: float = 0.1, mib: float = 60.0, growth: float = 0.0, looks: int = 10, runs: int = 0
) -> Watched:
    """A watch of one service over 2 s, its memory growing by so many MiB."""
    seen = tuple(
        Usage(
            at_us=int(number * 2e6 / looks),
            service="api",
            cpu_us=int(number * 2e6 / looks * cores),
            kib=int(1024 * (mib + growth * number / looks)),
            runnable=(7,) if number < runs else (),
        )
        for number in range(looks)
    )
    return Watched(2.0, (), usage=seen)


def outcome(before: Watched, after: Watched) -> Outcome:
    return worst(part.outcome for part in usages(before, after, Limits()))


def test_a_service_that_uses_what_it_used_is_as_before() -> None:
    assert outcome(watch(), watch(cores=0.3, mib=80)) is Outcome.PROVEN


def test_a_service_that_spins_is_told() -> None:
    assert outcome(watch(), watch(cores=1.0)) is Outcome.REFUTED


def test_a_thread_that_never_rests_is_told_on_a_machine_too_busy_to_run_it() -> None:
    assert outcome(watch(), watch(cores=0.2, runs=10)) is Outcome.REFUTED
    assert outcome(watch(runs=10), watch(runs=10)) is Outcome.PROVEN
    assert outcome(watch(), watch(runs=6)) is Outcome.PROVEN


def test_a_service_that_needs_twice_the_memory_is_told() -> None:
    assert outcome(watch(), watch(mib=130)) is Outcome.REFUTED


def test_memory_that_grows_is_told_while_it_is_still_small() -> None:
    assert outcome(watch(), watch(growth=30)) is Outcome.REFUTED


def test_memory_that_grew_as_much_before_is_no_leak_of_the_rollback() -> None:
    assert outcome(watch(growth=25), watch(growth=30)) is Outcome.PROVEN


def test_a_service_that_was_not_looked_at_again_proves_nothing() -> None:
    assert outcome(watch(), Watched(2.0, ())) is Outcome.UNKNOWN
    assert outcome(watch(), watch(looks=3)) is Outcome.UNKNOWN


def test_what_a_process_used_that_took_anothers_place_meanwhile_is_not_known() -> None:
    began = watch()
    anew = [replace(one, cpu_us=one.cpu_us + 2_000_000) for one in began.usage[: len(began.usage) // 2]]
    restarted = replace(began, usage=(*anew, *began.usage[len(anew) :]))
    assert outcome(began, restarted) is Outcome.UNKNOWN


def test_where_no_process_was_seen_nothing_is_said() -> None:
    assert list(usages(Watched(1.0, ()), Watched(1.0, ()), Limits())) == []


def test_what_was_used_is_read_back_as_it_was_written() -> None:
    assert Watched.from_json(watch().to_json()) == watch()
    old = dict(Watched(1.0, ()).to_json())
    del old["usage"]
    assert Watched.from_json(old).usage == ()


def test_a_service_may_log_little_and_one_that_logged_much_may_not_fall_silent() -> None:
    def logged(lines: int) -> Watched:
        return Watched(2.0, (), logs=(LogCount("service worker", lines, 0),))

    assert worst(part.outcome for part in logs(logged(0), logged(0))) is Outcome.PROVEN
    assert worst(part.outcome for part in logs(logged(1), logged(0))) is Outcome.PROVEN
    assert worst(part.outcome for part in logs(logged(50), logged(0))) is Outcome.UNKNOWN
