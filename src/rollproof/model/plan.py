"""Plans: `drills/*.toml`, what to drill where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rollproof.features_folder import feature_path
from rollproof.model.system import Spec


class PlanBody(Spec):
    """The `[plan]` table. Paths are relative to the folder that the plan is run from."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
    description: str = ""
    systems: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: Literal["embedded", "containers", "staging"] = "embedded"
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """files and folders, and names of features that ship with Rollproof, such as `migration`"""
    tags: str = ""
    """a marker expression, as for `pytest -m`"""
    strict: bool = False
    """"not proven here" fails as well"""


class Plan(Spec):
    """A whole plan file."""

    plan: PlanBody
    source: Path = Path("plan.toml")

    def arguments(self) -> list[str]:
        """What pytest is called with."""
        body = self.plan
        features = [feature_path(name) or name for name in body.features]
        arguments = [*features, *(f"--system={path}" for path in body.systems)]
        arguments.append(f"--environment={body.environment}")
        arguments += ["-m", body.tags] if body.tags else []
        if list(body.features) != features:  # what ships lies elsewhere; it is drilled from here
            arguments += [f"--rootdir={Path.cwd()}", f"--rollproof-reports={Path.cwd() / 'reports'}"]
        return arguments + (["--rollproof-strict"] if body.strict else [])
