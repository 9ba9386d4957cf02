"""Limits: which dimensions are open to any value, and how many values of each are counted by name."""

from collections.abc import Iterable, Mapping

from config.declarations import Declarations, FieldType, Source
from metrics.admitted import Admitted
from metrics.cubes import WINDOW, CubeKey
from metrics.currency import ISO_4217
from metrics.relations import ENTITY_ID, dimension_of, dimension_path

CURRENCY = "currency"
"""The name of the hidden dimension of money, which has a limit too."""
_CLOSED_TYPES = ("enum", "boolean")


class Limits:
    """The limits of the open dimensions of a plan; one of the same name has the same values in all sources."""

    def __init__(self, declarations: Declarations, currency: str, named: Iterable[tuple[str, str]]) -> None:
        """Look up what is declared.

        Args:
            declarations: what is declared.
            currency: the reporting currency.
            named: the values that declarations name, with their dimensions: those are always admitted.
        """
        self._declarations = declarations
        self._always: dict[str, set[str]] = {CURRENCY: {*ISO_4217, currency}}
        for dimension, value in named:
            self._always.setdefault(dimension, set()).add(value)

    def limit(self, dimension: str) -> int:
        """Return how many values of a dimension are counted by name, besides those that declarations name."""
        defaults = self._declarations.defaults
        return defaults.dimension_limits.get(dimension, defaults.dimension_limit)

    def most(self, dimension: str) -> int:
        """Return how many values of an open dimension there are at most, with `other` and `unknown`."""
        return self.limit(dimension) + len(self._always.get(dimension, ())) + 2

    def begin(self, dimension: str) -> Admitted:
        """Return a dimension without values."""
        return Admitted(self.limit(dimension), self._always.get(dimension, ()))

    def of(self, cube: CubeKey, dimensions: Iterable[str]) -> tuple[str | None, ...]:
        """Return the open ones among the `dimensions` of a cube, and the currency of money; None for each other one.

        What tells the members of a distinct count apart is not bounded: it is what is counted.
        """
        source = self._declarations.sources[cube.source]
        found = [d if self._is_open(source, d, cube) else None for d in dimensions]
        if cube.hidden in {"currency", "member"}:
            found.append(CURRENCY if cube.hidden == "currency" else None)
        return tuple(found)

    @staticmethod
    def _is_open(source: Source, dimension: str, cube: CubeKey) -> bool:
        if cube.kind == "incomplete" or dimension == WINDOW:
            return False
        return is_open(source, dimension, cube.fan_out)


def is_open(source: Source, dimension: str, items: str | None) -> bool:
    """Return whether events may give a dimension any value, when the items of a list (or the entities) are counted."""
    if dimension_of(source, dimension).values:
        return False
    path = dimension_path(source, dimension, items)
    if path == ENTITY_ID:
        return True
    field = _field(source.fields, path)
    return field is None or field.type not in _CLOSED_TYPES


def _field(fields: Mapping[str, FieldType], path: str) -> FieldType | None:
    """Return the declared field that a path names; None for what is derived, or told by children."""
    head, _, part = path.partition(".")
    field = fields.get(head)
    return field.fields.get(part) if field is not None and part else field
