"""Splitting a run into parts by an index, so that every scenario is in exactly one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.errors import BadInput

INDEX_VARIABLES = ("JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX")
"""Set by Kubernetes in the pods of an indexed Job and by AWS Batch in the children of an array job."""
_SIZE_VARIABLE = "AWS_BATCH_JOB_ARRAY_SIZE"
_MOST = 10_000
"""what AWS Batch allows in an array; Kubernetes allows more"""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index`, from 0, of `count`."""

    index: int
    count: int

    @classmethod
    def of(cls, index: int | None, count: int | None) -> Shard:
        """Raises BadInput for a part that cannot be."""
        if count is None or not 1 <= count <= _MOST:
            raise BadInput(
                f"a run cannot be split into {'an unknown number of' if count is None else count} parts",
                doing="choosing the part of the run",
                remedy=f"give --shards a number from 1 to {_MOST}",
            )
        if index is None:
            raise BadInput(
                f"nothing says which of the {count} parts this is",
                doing="choosing the part of the run",
                remedy=f"give --shard K, from 0 to {count - 1}, or set {' or '.join(INDEX_VARIABLES)}",
            )
        if not 0 <= index < count:
            raise BadInput(
                f"there is no part {index} of {count}",
                doing="choosing the part of the run",
                remedy=f"parts are numbered from 0 to {count - 1}",
            )
        return cls(index, count)

    @classmethod
    def here(cls, index: int | None, count: int | None, environ: Mapping[str, str]) -> Shard:
        """The part named on the command line, else by the job that this process belongs to.

        Raises BadInput as `of` does, and when a variable holds no number or another size.
        """
        size = environ.get(_SIZE_VARIABLE, "")
        if index is None and size.isdigit() and int(size) != count:
            raise BadInput(
                f"the array has {size} children, and the run is split into {count} parts",
                where=_SIZE_VARIABLE,
                remedy="make --shards and the size of the array the same",
            )
        return cls.of(_from_variables(environ) if index is None else index, count)

    def choose(self, tests: Mapping[str, str]) -> frozenset[str]:
        """Which of the tests are this part's: their ids, of ids and the system that each is for.

        Whole systems as long as there are enough of them, for each is opened once; else single tests.
        """
        systems = sorted(set(tests.values()))
        if len(systems) >= self.count:
            mine = set(systems[self.index :: self.count])
            return frozenset(test for test, system in tests.items() if system in mine)
        return frozenset(sorted(tests)[self.index :: self.count])


def _from_variables(environ: Mapping[str, str]) -> int | None:
    for name in INDEX_VARIABLES:
        text = environ.get(name)
        if text is None:
            continue
        if not text.isdigit():
            raise BadInput(
                f"found {text!r}, expected the number of a part", where=name, remedy="give --shard K instead"
            )
        return int(text)
    return None
