"""The terms that all declarations share: durations, keys, windows, units, conditions, titles."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(text: object) -> int:
    """Return the milliseconds that `text` names, such as ``90d``, ``1h`` or ``30s``; a day is 24 hours here.

    Raises:
        ValueError: `text` is not a whole number followed by one of ms, s, m, h, d.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"`{text}` is not a duration; write a whole number and a unit, such as 90d, 1h or 30s")
    return int(match[1]) * _UNIT_MS[match[2]]


def _duration(value: object, info: ValidationInfo) -> int:
    if info.mode == "json" and not isinstance(value, str):  # a bare number in a file would silently mean milliseconds
        raise ValueError(f"`{value}` is not a duration; write a whole number and a unit, such as 90d, 1h or 30s")
    return parse_duration(value)


Duration = Annotated[int, BeforeValidator(_duration)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Scalar = str | int | bool
WindowToken = Literal[
    "1h", "24h", "7d", "30d", "90d", "365d", "dtd", "wtd", "mtd", "qtd", "ytd",
    "prev_day", "prev_week", "prev_month", "prev_quarter", "now",
]  # fmt: skip
Unit = Literal["money", "seconds", "ratio", "none"]
Aggregate = Literal["sum", "count", "mean", "min", "max", "count_distinct", "latest", "p50", "p90", "p95", "p99"]


def number_as_text(value: object) -> object:
    """Return a YAML number as the text that it was, so that ``0.2`` may be written without quotes."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Model(BaseModel):
    """What all declarations share: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class Condition(Model):
    """What a field must be; all given parts must hold."""

    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    not_: Scalar | None = Field(default=None, alias="not")
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None
    exists: bool | None = None
    passed: bool | None = None
    """Whether the instant lies before T; one that is not there has not passed."""

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        if not self.model_fields_set:
            raise ValueError("an empty condition; give at least one of in, not, gt, gte, lt, lte, exists, passed")
        return self


Where = Mapping[str, Scalar | Condition]


class Title(Model):
    """A title in the languages that are shown."""

    en: str
    nl: str
