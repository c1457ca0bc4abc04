"""Faults of secrets: a rotation that stops half way."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.secret import CURRENT, PENDING, Secrets
from rollproof.components.aws.secretaccess import can_be_tried
from rollproof.components.aws.secretrotation import STEPS, rotate_by_steps, rotates_by_function
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import set_password
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, BadInput, NotApplicable, PreconditionNotMet
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject

AFTER = {"createSecret": STEPS[:1], "setSecret": STEPS[:2], "testSecret": STEPS[:3]}


@dataclass
class RotationInterrupted(Fault):
    """The rotation function ends after one of its steps, and nobody calls the next.

    Attributes:
        where: `after createSecret`, `after setSecret`, `after testSecret`; `in testSecret`: the database
            does not take the new password, because somebody has changed it meanwhile.
    """

    where: str

    def inject(self, drill: Drill) -> JsonObject:
        word, _, step = self.where.partition(" ")
        held = drill.use(Secrets)
        key = _first(held)
        function = rotates_by_function(held, key)
        if word == "in" and step == "testSecret":
            self._fail_test(held, key, function)
        elif word == "after" and step in AFTER:
            rotate_by_steps(held, key, function, AFTER[step])
        else:
            known = "; ".join(["in testSecret", *(f"after {name}" for name in AFTER)])
            raise BadInput(f"no rotation is interrupted {self.where!r}", remedy=f"say one of: {known}")
        drill.incident("fault", cause=f"the rotation of {key} stopped {self.where}")
        return {"name": key, "step": self.where}

    def _fail_test(self, held: Secrets, key: str, function: str) -> None:
        rotate_by_steps(held, key, function, STEPS[:2])
        bench = held.drill.use(Bench)
        if not bench.server.private:
            raise PreconditionNotMet(
                "a role's password is not spoilt on a server that is not the drill's own"
            )
        set_password(bench.server, held.value(key).username, held.fresh())
        try:
            rotate_by_steps(held, key, function, STEPS[2:3])
        except AttemptFailed:
            return
        raise PreconditionNotMet("testSecret did not notice that the new password does not work")

    def took_hold(self, drill: Drill) -> bool:
        held = drill.use(Secrets)
        stages = held.stages(_first(held))
        return PENDING in stages and stages[PENDING] != stages[CURRENT]


def _first(held: Secrets) -> str:
    """A secret of a database role that a function rotates."""
    for key, spec in held.declared().items():
        if spec.kind == "postgres" and can_be_tried(held, key) and rotates_by_function(held, key):
            return key
    raise NotApplicable("no secret of a database role is rotated by a function")
