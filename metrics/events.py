"""Event schemas: decode the JSON of a source into typed structs, refusing what is malformed or impossible.

A `put` is decoded straight into the source's record type (absent fields become None). A `patch` is decoded a second
time into a type that tells "not named" from "null".
"""

from collections.abc import Callable, Iterator
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
_MEMO_SIZE = 20_000

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
        self.decode = self._compile_decode()

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

    def _compile_decode(self) -> Callable[[bytes], Event]:
        """Return the function that decodes one event; it raises `RejectedError`, whose text says which field and why.

        The text is generated so that a put costs no call and no loop beyond the decoder's own: it turns the texts of
        instants and dates into numbers in place.
        """
        lines = [
            "def decode(value):",
            "    try:",
            "        raw = put(value)",
            "        if raw.op != 'put': return other(value, raw)",
            "        data = raw.data",
            "        if data is None: raise RejectedError('a put needs `data`')",
            *("        " + line for line in self._settling()),
            "    except (MsgspecError, UnicodeDecodeError) as error: raise RejectedError(plain(error)) from error",
            "    except ValueError as error: raise RejectedError(fault(value, error)) from error",
            "    span = raw.updated_at - EPOCH",
            "    updated_us = (span.days * 86400 + span.seconds) * 1000000 + span.microseconds",
            "    if updated_us < 0: raise RejectedError(BEFORE_1970)",
            "    version = raw.version",
            "    key = updated_us if version is None else version, updated_us, raw.event_id",
            "    return Event('put', raw.entity_id, key, data)",
            "",
            "def settle(data):",
            *("    " + line for line in self._settling()),
            "    return data",
        ]
        scope: dict[str, Any] = {
            "put": self._put.decode,
            "other": self._decode_other,
            "RejectedError": RejectedError,
            "MsgspecError": msgspec.MsgspecError,
            "plain": _plain,
            "fault": self._fault,
            "BEFORE_1970": _BEFORE_1970,
            "EPOCH": _EPOCH,
            "Event": Event,
            "UNSET": UNSET,
            "instants": _InstantMemo(),
            "bounded": _bounded,
        }
        exec(compile("\n".join(lines), f"<decode {self.source.key}>", "exec"), scope)  # noqa: S102 (our own text, validated names)
        self._settle = scope["settle"]
        decode: Callable[[bytes], Event] = scope["decode"]
        return decode

    def _settling(self) -> Iterator[str]:
        """Yield the lines that convert the fields of `data`."""
        for name, field in self.source.fields.items():
            bounds = f"{field.minimum}, {field.maximum}"
            convert = {
                "timestamp": "instants[v]",
                "date": "v.toordinal()",
                "times": "{k: None if t is None else instants[t] for k, t in v.items()}",
                "decimal": f"bounded('{name}', v, {bounds})",
            }.get(field.type)
            if convert is not None:
                yield f"v = data.{name}"
                yield f"if v is not None and v is not UNSET: data.{name} = {convert}"

    def _fault(self, value: bytes, error: ValueError) -> str:
        """Return the error's words with the field that holds the text in front."""
        words = str(error)
        for name, given in msgspec.json.decode(value)["data"].items():
            texts = given.values() if isinstance(given, dict) else (given,)
            timed = self.source.fields[name].type in ("timestamp", "times")
            if timed and any(isinstance(text, str) and words.startswith(f"`{text}` ") for text in texts):
                return f"field `{name}`: {words}"
        return words

    def _decode_other(self, value: bytes, raw: Any) -> Event:
        """Decode a patch or a delete, seen to be one by decoding it as a put."""
        op = raw.op
        data = None
        if op == "patch":
            raw = self._patch.decode(value)
            if raw.data is None:
                raise RejectedError("a patch needs `data`")
            data = self._settle(raw.data)
        span = raw.updated_at - _EPOCH
        updated_us = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        if updated_us < 0:
            raise RejectedError(_BEFORE_1970)
        return Event(
            op, raw.entity_id, (updated_us if raw.version is None else raw.version, updated_us, raw.event_id), data
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_1970 = "field `updated_at`: lies before 1970; check the producer's clock"
_Id = Annotated[str, Meta(min_length=1, max_length=256)]
_ANNOTATIONS: dict[str, Callable[[FieldType], Any]] = {
    "string": lambda _: Annotated[str, Meta(max_length=1024)],
    "integer": lambda f: Annotated[
        int,
        Meta(ge=-_MAX_INTEGER if f.minimum is None else f.minimum, le=_MAX_INTEGER if f.maximum is None else f.maximum),
    ],
    "money": lambda f: Annotated[int, Meta(ge=0 if f.minimum is None else f.minimum, le=MAX_AMOUNT_MINOR)],
    "decimal": lambda _: (
        Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$")]
        | Annotated[int, Meta(ge=-(10**18), le=10**18)]
        | Annotated[float, Meta(ge=-1e18, le=1e18)]
    ),
    "boolean": lambda _: bool,
    "timestamp": lambda _: str,
    "date": lambda _: date,
    "enum": lambda f: Literal[f.values],
    "times": lambda _: dict[str, str | None],
}


def _bounded(name: str, value: str | float, minimum: int | None, maximum: int | None) -> str | float:
    """Return a decimal unchanged.

    Raises:
        ValueError: it is not finite, or lies outside its declared bounds.
    """
    number = Decimal(str(value))
    if (
        not number.is_finite()
        or (minimum is not None and number < minimum)
        or (maximum is not None and number > maximum)
    ):
        raise ValueError(f"field `{name}`: `{value}` lies outside {minimum} to {maximum}")
    return value


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
