"""Event schemas: decode the JSON of a source into typed structs, refusing what is malformed or impossible.

A `put` is decoded straight into the source's record type (absent fields become None). A `patch` is decoded a second
time into a type that tells "not named" from "null".
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from config.declarations import FieldType, Source
from metrics.calendar import parse_instant

MAX_AMOUNT_MINOR = 10**15
"""Amounts above are refused: with it, the sums of one flush stay far inside 64 bits."""
_MAX_INTEGER = 2**53
_MEMO_SIZE = 200_000
_MAX_DIGITS = 30

OrderKey = tuple[int, int, str]
"""(version, updated_at in microseconds, event_id): the total order of the events of one entity."""


class RejectedError(Exception):
    """An event that can never be applied; its text is the reason on the dead-letter topic."""


class Event(NamedTuple):
    """One decoded event."""

    op: str
    entity_id: str
    key: OrderKey
    data: Any
    """The record struct of a put, the patch struct of a patch, None for a delete."""


class _InstantMemo(dict[str, int]):
    """Parsed instants by their text: the same creation time comes back with every event of an entity."""

    def __missing__(self, text: str) -> int:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        ms = self[text] = parse_instant(text)
        return ms


class Schema:
    """The types and decoders of one source."""

    def __init__(self, source: Source) -> None:
        """Build the struct types of `source`."""
        self.source = source
        self.names = tuple(source.fields)
        self.item_types = {n: _item_type(source.key, n, f) for n, f in source.fields.items() if f.type == "list"}
        self.record_type = msgspec.defstruct(
            f"{source.key}_record",
            [(n, self._annotation(n, f) | None, None) for n, f in source.fields.items()],
            forbid_unknown_fields=True,
            gc=False,
        )
        self.state_type = msgspec.defstruct(
            f"{source.key}_state",
            [(n, self._state_annotation(n, f) | None, None) for n, f in source.fields.items()],
            array_like=True,
            gc=False,
        )
        patch_type = msgspec.defstruct(
            f"{source.key}_patch",
            [(n, self._annotation(n, f) | None | UnsetType, UNSET) for n, f in source.fields.items()],
            forbid_unknown_fields=True,
        )
        self._put = msgspec.json.Decoder(_envelope(source.key, self.record_type))
        self._patch = msgspec.json.Decoder(_envelope(source.key, patch_type))
        self._instants = _InstantMemo()
        self.settle = self._compile_settle()

    def _annotation(self, name: str, field: FieldType) -> Any:
        return GenericAlias(list, (self.item_types[name],)) if field.type == "list" else _ANNOTATIONS[field.type](field)

    def _state_annotation(self, name: str, field: FieldType) -> Any:
        match field.type:
            case "list":
                return GenericAlias(list, (_as_array(self.item_types[name]),))
            case "timestamp" | "date":
                return int
            case "times":
                return dict[str, int | None]
            case "enum":
                return str
            case _:
                return _ANNOTATIONS[field.type](field)

    def decode(self, value: bytes) -> Event:
        """Decode one event.

        Raises:
            RejectedError: the bytes are no event of this source; the text says which field and why.
        """
        try:
            raw: Any = self._put.decode(value)
            op = raw.op
            if op == "patch":
                raw = self._patch.decode(value)
            data = raw.data
            if op == "delete":
                data = None
            elif data is None:
                raise RejectedError(f"a {op} needs `data`")
            else:
                self.settle(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RejectedError(_plain(error)) from error
        span = raw.updated_at - _EPOCH
        updated_us = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        if updated_us < 0:
            raise RejectedError("field `updated_at`: lies before 1970; check the producer's clock")
        version = raw.version
        return Event(op, raw.entity_id, (updated_us if version is None else version, updated_us, raw.event_id), data)

    def _compile_settle(self) -> Callable[[Any], None]:
        """Return a function that turns texts of instants and dates into numbers in place, and checks the decimals."""
        lines = ["def settle(data):", "    pass"]
        scope: dict[str, Any] = {
            "UNSET": UNSET, "RejectedError": RejectedError, "instants": self._instants, "times": self._times, "check": _check_decimal
        }  # fmt: skip
        for name, field in self.source.fields.items():
            settled = self._settled(name, field)
            if settled is not None:
                lines += [
                    f"    value = data.{name}",
                    "    if value is not None and value is not UNSET:",
                    f"        try: {settled}",
                    f"        except ValueError as error: raise RejectedError(f'field `{name}`: {{error}}') from error",
                ]
        exec(compile("\n".join(lines), f"<settle {self.source.key}>", "exec"), scope)  # noqa: S102 (our own text, from validated names)
        settle: Callable[[Any], None] = scope["settle"]
        return settle

    @staticmethod
    def _settled(name: str, field: FieldType) -> str | None:
        """Return the statement that settles `value`, None for a type that the decoder has settled."""
        match field.type:
            case "timestamp":
                return f"data.{name} = instants[value]"
            case "date":
                return f"data.{name} = value.toordinal()"
            case "times":
                return f"data.{name} = times(value)"
            case "decimal":
                return f"check(value, {field.minimum}, {field.maximum})"
            case "list":
                checks = [
                    f"item.{n} is None or check(item.{n}, {f.minimum}, {f.maximum})"
                    for n, f in field.fields.items()
                    if f.type == "decimal"
                ]
                return f"[({', '.join(checks)}) for item in value]" if checks else None
            case _:
                return None

    def _times(self, value: Mapping[str, str | None]) -> dict[str, int | None]:
        return {k: None if v is None else self._instants[v] for k, v in value.items()}


def _check_decimal(value: Decimal, minimum: int | None, maximum: int | None) -> None:
    """Raise ValueError for a number out of range, or so large or fine that exact arithmetic would take for ever."""
    if not value.is_finite() or max(abs(value.adjusted()), len(value.as_tuple().digits)) > _MAX_DIGITS:
        raise ValueError(f"`{str(value)[:_MAX_DIGITS]}` is not a number of at most {_MAX_DIGITS} digits")
    if minimum is not None and value < minimum:
        raise ValueError(f"`{value}` is less than {minimum}, the least there can be")
    if maximum is not None and value > maximum:
        raise ValueError(f"`{value}` is more than {maximum}, the most there can be")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Id = Annotated[str, Meta(min_length=1, max_length=256)]
_ANNOTATIONS: dict[str, Callable[[FieldType], Any]] = {
    "string": lambda _: Annotated[str, Meta(max_length=1024)],
    "integer": lambda f: Annotated[
        int,
        Meta(ge=-_MAX_INTEGER if f.minimum is None else f.minimum, le=_MAX_INTEGER if f.maximum is None else f.maximum),
    ],
    "money": lambda f: Annotated[int, Meta(ge=0 if f.minimum is None else f.minimum, le=MAX_AMOUNT_MINOR)],
    "decimal": lambda _: Decimal,
    "boolean": lambda _: bool,
    "timestamp": lambda _: str,
    "date": lambda _: date,
    "enum": lambda f: Literal[f.values],
    "times": lambda _: dict[str, str | None],
}


def _item_type(source: str, name: str, field: FieldType) -> type[Struct]:
    """Return the type of the items of a list field; their required fields must be there."""
    required = [(n, _ANNOTATIONS[f.type](f)) for n, f in field.fields.items() if f.required]
    optional = [(n, _ANNOTATIONS[f.type](f) | None, None) for n, f in field.fields.items() if not f.required]
    return msgspec.defstruct(f"{source}_{name}", [*required, *optional], forbid_unknown_fields=True, gc=False)


def _as_array(item_type: type[Struct]) -> type[Struct]:
    fields: list[Any] = [(f.name, f.type) for f in msgspec.structs.fields(item_type)]
    return msgspec.defstruct(f"{item_type.__name__}_state", fields, array_like=True, gc=False)


def _envelope(source: str, data_type: Any) -> type[Struct]:
    return msgspec.defstruct(
        f"{source}_event",
        [
            ("event_id", _Id),
            ("type", Literal[source]),
            ("entity_id", _Id),
            ("updated_at", Annotated[datetime, Meta(tz=True)]),
            ("op", Literal["put", "patch", "delete"], "put"),
            ("version", Annotated[int, Meta(ge=0, le=2**63 - 1)] | None, None),
            ("data", data_type | None, None),
            ("schema", int | None, None),
            ("source", str | None, None),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )


def _plain(error: Exception) -> str:
    """Return the decoder's words with the field's path in front."""
    text = str(error)
    message, at, path = text.partition(" - at `$")
    return f"field `{path.strip('`').lstrip('.')}`: {message}" if at else message
