"""The model of a mapping file, as the YAML spells it: unknown keys are refused, nothing is read or computed here."""

from datetime import time
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

SOURCES = ("value", "lookup", "minor", "number", "decimal", "timestamp", "date", "object", "first")
"""What a rule can take its value from: each rule has exactly one."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Lookup(_Model):
    """A side file: the row whose `key` column equals what the rule looks for."""

    file: str
    key: str


class Not(_Model):
    """All values but these."""

    negated: str | list[str | None] | None = Field(alias="not")


Condition: TypeAlias = str | list[str | None] | Not | None


def _kind(value: object) -> str:
    if isinstance(value, dict | Rule):
        return "rule"
    return "list" if isinstance(value, list) else "constant"


_RuleCase: TypeAlias = Annotated["Rule", Tag("rule")]
_ConstantCase: TypeAlias = Annotated[str | int | bool | None, Tag("constant")]
Item: TypeAlias = Annotated[_RuleCase | _ConstantCase, Discriminator(_kind)]
Source: TypeAlias = Annotated[_RuleCase | Annotated[list[Item], Tag("list")] | _ConstantCase, Discriminator(_kind)]


class Rule(_Model):
    """One computed value: exactly one source, and what is done with it."""

    value: Source | None = None
    lookup: str | None = None
    by: Source | None = None
    column: str | None = None
    minor: Source | None = None
    exponent: Annotated[int, Field(ge=0, le=4)] = 2
    number: Source | None = None
    decimal: Source | None = None
    timestamp: Source | None = None
    time: str | None = None
    zone: str | None = None
    date: Source | None = None
    object: dict[str, Source] | None = None
    first: list[Item] | None = None
    map: dict[str, str | int | bool | None] | None = None
    text: Literal["lower", "upper", "slug"] | None = None
    default: str | int | bool | None = None
    when: dict[str, Condition] = {}

    @model_validator(mode="after")
    def _check_keys(self) -> "Rule":
        given = [name for name in SOURCES if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError(
                f"a rule has exactly one of {', '.join(SOURCES)}, this one has {', '.join(given) or 'none'}"
            )
        belongs = {"by": "lookup", "column": "lookup", "exponent": "minor", "time": "timestamp", "zone": "timestamp"}
        for name, owner in belongs.items():
            if name in self.model_fields_set and owner != given[0]:
                raise ValueError(f"`{name}` belongs to `{owner}`, this rule is a `{given[0]}`; leave it out")
        if given[0] == "lookup" and (self.by is None or self.column is None):
            raise ValueError("`lookup` needs `by` (what to look for) and `column` (what to take); add them")
        return self

    @field_validator("time")
    @classmethod
    def _check_time(cls, text: str | None) -> str | None:
        try:
            time.fromisoformat("00:00" if text is None else text)
        except ValueError:
            raise ValueError(f'`{text}` is no time of day; write it as "10:00"') from None
        return text

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, name: str | None) -> str | None:
        try:
            ZoneInfo("UTC" if name is None else name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"`{name}` is not an IANA time zone; use a name such as `Europe/Amsterdam` or `UTC`"
            ) from None
        return name


class EventRule(_Model):
    """How a row becomes one event."""

    type: str
    entity_id: Source
    updated_at: Source
    event_id: Source | None = None
    version: Source | None = None
    op: Literal["put", "patch", "delete"] = "put"
    fields: dict[str, Source] = {}
    when: dict[str, Condition] = {}


class MappingFile(_Model):
    """A whole mapping file."""

    lookups: dict[str, Lookup] = {}
    source: str | None = None
    events: Annotated[list[EventRule], Field(min_length=1)]
