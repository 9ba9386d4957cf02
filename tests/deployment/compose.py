"""docker-compose.yml as compose reads it: aliases and merge keys first, then variables in the values, then services."""

import graphlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from ruamel.yaml import YAML

from tests.deployment.service import Json, Service


class _Text(string.Template):
    """A value with `$$`, `${NAME}` or `${NAME:-default}`."""

    braceidpattern = r"[_a-z][_a-z0-9]*(?::-[^{}]*)?"


class _Values(dict[str, str]):
    """What stands for a variable; `NAME:-default` is looked up too."""

    def __missing__(self, key: str) -> str:
        name, found, default = key.partition(":-")
        if not found:
            raise ValueError(
                f"`${{{name}}}` has no default, and compose would put nothing there; write `${{{name}:-…}}`"
            )
        return self.get(name) or default


@dataclass(frozen=True)
class Compose:
    """A compose file after aliases, merge keys and variables."""

    document: Json

    @classmethod
    def read(cls, text: str, shell: Mapping[str, str]) -> Self:
        """Read the text of a file with the variables of a shell.

        Raises:
            ValueError: a variable has no default, or `$` is followed by something else.
        """
        return cls(_interpolated(YAML(typ="safe").load(text), _Values(shell)))

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """Read the services, by their names.

        Raises:
            TypeError, ValueError: one is written in a form that is not used here.
        """
        return {name: Service.of(name, spec) for name, spec in self.document["services"].items()}

    @property
    def volumes(self) -> frozenset[str]:
        """Name the volumes that compose is to keep."""
        return frozenset(self.document.get("volumes", {}))

    def order(self) -> tuple[str, ...]:
        """Name the services so that each comes after those it depends on.

        Raises:
            graphlib.CycleError: there is no such order.
        """
        waits = {name: service.depends_on.keys() for name, service in self.services.items()}
        return tuple(graphlib.TopologicalSorter(waits).static_order())


def _interpolated(node: Any, values: _Values) -> Any:
    """Fill in the variables: in values only, never in keys."""
    if isinstance(node, dict):
        return {key: _interpolated(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, values) for value in node]
    return _Text(node).substitute(values) if isinstance(node, str) else node
