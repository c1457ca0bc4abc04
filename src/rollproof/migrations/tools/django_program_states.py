"""Project states of a Django history, rendered once for up, down and up again of the same migration.

Part of django_program.py, which see: it runs in the project's interpreter, with Django and the standard
library alone. Rendering models is what costs time in Django, nine tenths of a migration's. Django renders
while it goes forward, and anew for every way back. Here the states between a migration's operations are
kept until the next migration, so that its way back and the second way forward find them.

What carries the operations out stays Django's own `Migration.apply` and `unapply`: the states that they are
handed (`KeptState`) know at which point of the history they are, and what an operation's `state_forwards`
leads to from there is computed once. Rules that keep this the same as Django's:

- A kept state is never changed; whatever is to change one gets a copy.
- Custom operations and custom Migration classes get plain copies: nobody knows what they do with them.
- `RenameField` changes field objects in place that other states share; so it gets copies of them.
- A migration that failed leaves nothing kept: an operation may have changed a rendered model for a while.
- Django puts off rendering what is related to a changed model. Forward, RunPython has all rendered anew
  first: that is kept too. Back, it does not: reverse code that fails in Django for mixing models of two
  renderings fails here. Before a migration with code all models are rendered, as when `migrate` runs it
  alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from django.db.migrations.migration import Migration
from django.db.migrations.operations import RenameField, RunPython, RunSQL
from django.db.migrations.state import ProjectState

_POINTS = 3
"""points that are kept: before and after the migration at hand, and one more"""
_MARK_EVERY = 16
"""least distance, in migrations, of the points that are kept without being rendered"""


class Point:
    """A point in a history: the state there, and the points that operations lead to from there."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.after: dict[int, Point] = {}
        self._whole: Any = None

    def step(self, app_label: str, operation: Any, forwards: Callable[[str, Any], None]) -> Point:
        """The point that an operation leads to."""
        found = self.after.get(id(operation))
        if found is None:
            state = self.state.clone()
            forwards(app_label, state)
            found = self.after[id(operation)] = Point(state)
        return found

    @property
    def whole(self) -> Any:
        """The apps with all models rendered, what Django has put off included."""
        if not self.state.is_delayed:
            return self.state.apps
        if self._whole is None:
            fresh = self.state.clone()
            fresh.clear_delayed_apps_cache()
            self._whole = fresh.apps
        return self._whole

    def render_all(self) -> None:
        """Nothing is put off any more, here and in what follows."""
        if self.state.is_delayed:
            self.state.__dict__["apps"] = self.whole
            self.state.is_delayed = False
            self.after.clear()


class KeptState(ProjectState):  # type: ignore[misc]  # Django has no types
    """A project state at a known point, whose models and apps are those that are kept."""

    point: Point

    @classmethod
    def at(cls, point: Point) -> KeptState:
        made = cls.__new__(cls)
        made.move_to(point)
        return made

    def move_to(self, point: Point) -> None:
        self.__dict__.clear()
        self.__dict__.update(point.state.__dict__)
        self.point = point

    def clone(self) -> KeptState:
        """As Django's, without a copy: only operations change a state, and they move it to another point."""
        return KeptState.at(self.point)

    def clear_delayed_apps_cache(self) -> None:
        """As Django's, but what is rendered then is kept."""
        if self.is_delayed:
            self.__dict__["apps"] = self.point.whole


class _Forwards:
    """In place of one operation's `state_forwards`."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation
        self.real = operation.state_forwards

    def __call__(self, app_label: str, state: Any) -> None:
        if not isinstance(state, KeptState):
            self.change(app_label, state)
        elif not _changes_nothing(self.operation):
            state.move_to(state.point.step(app_label, self.operation, self.change))

    def change(self, app_label: str, state: Any) -> None:
        if isinstance(self.operation, RenameField):
            _own_fields(state)
        self.real(app_label, state)


def _own_fields(state: Any) -> None:
    """RenameField changes fields that name others in place, and they may be in other states too."""
    for model in state.models.values():
        model.fields = {
            name: field.clone() if field.is_relation or getattr(field, "field_names", None) else field
            for name, field in model.fields.items()
        }
    state._relations = None


def _changes_nothing(operation: Any) -> bool:
    """True when Django's own code says that the operation leaves the models as they are."""
    method = type(operation).state_forwards
    return method is RunPython.state_forwards or (
        method is RunSQL.state_forwards and not operation.state_operations
    )


def every_operation(operations: Sequence[Any]) -> list[Any]:
    """Operations and those inside of them."""
    found: list[Any] = []
    for operation in operations:
        found.append(operation)
        for name in ("database_operations", "state_operations"):
            found.extend(every_operation(getattr(operation, name, None) or ()))
    return found


def keep_states(migrations: Sequence[Any]) -> None:
    """Lets the operations of those migrations take from kept states what they have done before."""
    for migration in migrations:
        for operation in every_operation(migration.operations):
            if "state_forwards" not in operation.__dict__:
                operation.state_forwards = _Forwards(operation)


def shareable(migration: Any) -> bool:
    """True when only Django's own code handles the states, which does not change those it is handed."""
    methods = ("apply", "unapply", "mutate_state")
    plain = all(getattr(type(migration), name) is getattr(Migration, name) for name in methods)
    return plain and all(
        type(operation).__module__.startswith("django.")
        for operation in every_operation(migration.operations)
    )


class States:
    """The state at any point of a plan; quick for one after another.

    Going back far costs one full rendering a migration. What is kept grows with the square root of the
    plan's length, and not at all while the history is only walked forward.

    Args:
        plan: all migrations in the order in which they would be applied to an empty database.
        empty: makes the state before all of them.
    """

    def __init__(self, plan: Sequence[Any], empty: Callable[[], Any]) -> None:
        self.plan = plan
        self.empty = empty
        self._points: dict[tuple[int, ...], Point] = {}
        self._marks: dict[int, Any] = {}
        keep_states(plan)

    def at(self, applied: Sequence[int]) -> Point:
        """The point where those migrations are applied, by their positions in order, and no others."""
        key = tuple(applied)
        found = self._points.get(key) or Point(self._compute(key))
        self._keep(key, found)
        return found

    def hand_out(self, applied: Sequence[int], migration: Any) -> Any:
        """The state there, for Django to run that migration from or back to."""
        point, plain = self.at(applied), not shareable(migration)
        if plain or any(isinstance(each, RunPython) for each in every_operation(migration.operations)):
            point.render_all()
        return point.state.clone() if plain else KeptState.at(point)

    def arrive(self, applied: Sequence[int], state: Any) -> None:
        """Keeps the state that Django has come to by running a migration."""
        point = state.point if isinstance(state, KeptState) else Point(state)
        self._keep(tuple(applied), point)

    def forget(self) -> None:
        """Drops what is kept: an operation failed, and may have left something half changed."""
        self._points.clear()

    def _keep(self, key: tuple[int, ...], point: Point) -> None:
        self._points.pop(key, None)
        self._points[key] = point
        while len(self._points) > _POINTS:
            del self._points[next(iter(self._points))]

    def _compute(self, key: tuple[int, ...]) -> Any:
        state, start = self._nearest_mark(key)
        every = max(_MARK_EVERY, math.isqrt(len(self.plan)))
        for place in range(start, len(key)):
            if place % every == 0 and _is_beginning(key, place) and place not in self._marks:
                self._marks[place] = state.clone()
            state = self.plan[key[place]].mutate_state(state, preserve=False)
        state.apps  # noqa: B018  rendered here, once, for all that comes from it
        return state

    def _nearest_mark(self, key: tuple[int, ...]) -> tuple[Any, int]:
        """A state that may be changed and is not rendered, and how many migrations are applied in it."""
        fitting = [place for place in self._marks if place <= len(key) and _is_beginning(key, place)]
        nearest = max(fitting, default=0)
        return (self._marks[nearest].clone() if fitting else self.empty()), nearest


def _is_beginning(key: tuple[int, ...], place: int) -> bool:
    """True when the first so many of the key are the first so many of the plan."""
    return place == 0 or key[place - 1] == place - 1
