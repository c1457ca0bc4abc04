"""Signals that end a drill: the first is an interrupt, healing is never cut short, and all is put back."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from rollproof.drill.aborting import SIGNALS, Aborted, Stopper, as_interrupts, healing
from rollproof.drill.guarding import Guarding
from rollproof.waiting import pause


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_every_signal_is_an_interrupt_in_the_block_and_anothers_after_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught, as_interrupts():
        signal.raise_signal(number)
    assert isinstance(caught.value, Aborted)
    assert caught.value.reason == f"the process got {number.name}"
    assert signal.getsignal(number) == before


def test_a_second_signal_is_heard_and_cuts_nothing_short(capsys: pytest.CaptureFixture[str]) -> None:
    stopper = Stopper()
    stopper.listen()
    try:
        with healing():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        assert stopper.reason == "the process got SIGTERM"
        assert "SIGINT: it is being put back already" in capsys.readouterr().err
        with pytest.raises(Aborted, match="SIGTERM"):
            stopper.expect_none()
    finally:
        stopper.forget()


def test_a_part_of_a_run_ends_for_the_reason_that_it_is_told(tmp_path: Path) -> None:
    guarding, told = Guarding(), tmp_path / ".stop"
    guarding.obey(told)
    try:
        with pytest.raises(Aborted, match="aborted because the scheduler wants it"):
            told.write_text("the scheduler wants it")
            pause(60, stop=threading.Event())
        assert guarding.why_nothing_is_proven() == "aborted because the scheduler wants it"
    finally:
        guarding.end()
