"""`--alluredir`: allure-pytest writes one result a scenario; here its steps and its evidence come into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from rollproof.plugin.scenario import drill_of

if TYPE_CHECKING:
    from allure_commons.model2 import Attachment, TestResult


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """allure-pytest is asked whether it writes; without it, or without the option, nothing happens here."""
    if not getattr(config.option, "allure_report_dir", None) or config.option.collectonly:
        return
    import allure_commons

    filler = _filler()
    allure_commons.plugin_manager.register(filler)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(filler))
    config.pluginmanager.register(filler, "rollproof_allure")


def _filler() -> object:
    import allure_commons

    class Filler:
        """Sees each result before it is written, and which test it is of."""

        item: pytest.Item | None = None

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
            self.item = item
            return (yield)

        @allure_commons.hookimpl(tryfirst=True)
        def report_result(self, result: TestResult) -> None:
            if self.item is not None:
                _fill(result, self.item)

    return Filler()


def _fill(result: TestResult, item: pytest.Item) -> None:
    """A report must never end the drills: what cannot be shown is said in the result itself."""
    drill = drill_of(item)
    if drill is None:
        return
    from allure_commons.model2 import StatusDetails

    from rollproof.evidence.allure_results import fill
    from rollproof.evidence.facts import Objectives
    from rollproof.evidence.scenario import summarise_scenario
    from rollproof.evidence.summary import attempts_of

    try:
        history = attempts_of(drill.history)[-1]
        fill(result, summarise_scenario(history, attempt=1, objectives=Objectives()), history, _attach)
    except Exception as error:  # noqa: BLE001
        said = f"its evidence cannot be shown ({type(error).__name__}); the journal holds it"
        result.statusDetails = result.statusDetails or StatusDetails(message=said)


def _attach(name: str, body: bytes, ending: str, kind: str) -> Attachment:
    import allure_commons
    from allure_commons.model2 import Attachment

    source = f"{uuid4()}-attachment.{ending}"
    allure_commons.plugin_manager.hook.report_attached_data(body=body, file_name=source)
    return Attachment(name=name, source=source, type=kind)
