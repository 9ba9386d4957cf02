"""Admitted values: those of a dimension that are counted by name, so that invented names cannot fill a memory.

Each process admits the first values that come, up to the dimension's limit; every further one counts as `other`. A
value that was admitted stays so and one that was not never will be, as long as the process lives: what was put into the
cells is taken out of the same ones. What is refused is not remembered, so a million invented names take no more place
than one.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

OTHER = "other"
UNKNOWN = "unknown"
LONGEST_NAME = 300
"""Characters of the longest value that is counted by name."""


class Admitted:
    """The values of one dimension that are counted by name."""

    def __init__(self, limit: int, always: Collection[Any] = ()) -> None:
        """Begin without values.

        Args:
            limit: how many there may be.
            always: values that are admitted in any case, and are not counted among those.
        """
        self.limit = limit
        self.values: dict[Any, None] = {}
        """Those that came, in that order, without those that are always admitted."""
        self.folded = 0
        """How often a row was counted as `other` because of this dimension."""
        self._always = frozenset((*always, OTHER, UNKNOWN, None))
        self._within: Collection[Any] | None = None

    @property
    def full(self) -> bool:
        """Whether no further value is admitted."""
        return len(self.values) >= self.limit

    def admit(self, value: Any) -> Any:
        """Return what a value is counted as: itself while there is room for it, and else `other`."""
        if value in self.values or value in self._always:
            return value
        if self._fits(value):
            self.values[value] = None
            return value
        self.folded += 1
        return OTHER

    def find(self, value: Any) -> Any:
        """Return what a value is, or would be, counted as, without admitting it."""
        return value if value in self.values or value in self._always or self._fits(value) else OTHER

    def _fits(self, value: Any) -> bool:
        return (
            not self.full
            and (self._within is None or value in self._within)
            and (not isinstance(value, str) or len(value) <= LONGEST_NAME)
        )

    def restrict(self, lists: Iterable[Collection[Any]]) -> None:
        """Admit from now on only what is in all of some lists; values that are not in them are admitted no more."""
        found = [frozenset(names) for names in lists]
        self._within = frozenset.intersection(*found) if found else None
        if self._within is not None:
            self.values = {value: None for value in self.values if value in self._within}


class Counted(dict[tuple[Any, ...], tuple[Any, ...]]):
    """What the values of a row are counted as, by themselves; those of refused ones are not kept."""

    def __init__(self, admitted: Sequence[Admitted | None]) -> None:
        """Admit the values at each place; None for one that is not bounded."""
        self.admitted = admitted

    def __missing__(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        counted = count(values, self.admitted)
        if counted == values:
            self[values] = counted
        return counted


def count(values: Iterable[Any], admitted: Iterable[Admitted | None]) -> tuple[Any, ...]:
    """Return what each of the values of a row is counted as."""
    return tuple([value if a is None else a.admit(value) for value, a in zip(values, admitted, strict=True)])
