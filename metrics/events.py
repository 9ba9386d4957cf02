"""Event schemas: decode the JSON of a source into typed structs, refusing what is malformed or impossible.

A `put` is decoded straight into the source's record type (absent fields become None). A `patch` is decoded a second
time into a type that tells "not named" from "null".
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from config.declarations import FieldType, Source
from metrics.calendar import parse_instant
from metrics.relations import attribute, one_word

MAX_AMOUNT_MINOR = 10**15
"""Amounts above are refused: with it, the sums of one flush stay far inside 64 bits."""
_MAX_INTEGER = 2**53
_MEMO_SIZE = 20_000
_REASON_BEGINS, _REASON_ENDS = 200, 100
MOST_TIMES = 256
"""How many entries a `times` field may have; a pipeline has a dozen stages."""

OrderKey = tuple[int, int, str]
"""(version, updated_at in microseconds, event_id): the total order of the events of one entity."""


class RejectedError(Exception):
    """An event that can never be applied; its text is the reason on the dead-letter topic.

    The text is one line of at most a few hundred characters, whatever the event holds: of a longer one the beginning
    and the end are kept, which name the field and the rule.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(_one_line(reason))


def _one_line(text: str) -> str:
    if len(text) > _REASON_BEGINS + _REASON_ENDS:
        text = f"{text[:_REASON_BEGINS]}…{text[-_REASON_ENDS:]}"
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


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
        self._checked: dict[str, _Bounded] = {}
        self.item_types = {n: _item_type(source.key, n, f) for n, f in source.fields.items() if f.fields}
        """The types of objects and of the items of lists, by field."""
        self.record_type = msgspec.defstruct(
            f"{source.key}_record",
            [(attribute(n), self._annotation(n, f) | None, None) for n, f in source.fields.items()],
            rename=_written(source.fields),
            forbid_unknown_fields=True,
            gc=False,
        )
        self.state_type = msgspec.defstruct(
            f"{source.key}_state",
            [(attribute(n), self._state_annotation(n, f) | None, None) for n, f in source.fields.items()],
            array_like=True,
            gc=False,
        )
        patch_type = msgspec.defstruct(
            f"{source.key}_patch",
            [(attribute(n), self._annotation(n, f) | None | UnsetType, UNSET) for n, f in source.fields.items()],
            rename=_written(source.fields),
            forbid_unknown_fields=True,
        )
        self._put = msgspec.json.Decoder(_envelope(source.key, self.record_type))
        self._patch = msgspec.json.Decoder(_envelope(source.key, patch_type))
        self.decode = self._compile_decode()

    def _annotation(self, name: str, field: FieldType) -> Any:
        if field.type == "list":
            return GenericAlias(list, (self.item_types[name],))
        return self.item_types[name] if field.type == "object" else _ANNOTATIONS[field.type](field)

    def _state_annotation(self, name: str, field: FieldType) -> Any:
        match field.type:
            case "list":
                return GenericAlias(list, (_item_state(self.source.key, name, field),))
            case "object":
                return _item_state(self.source.key, name, field)
            case "times":
                return dict[str, int | None]
            case _:
                return _settled_annotation(field)

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
            **self._checked,
        }
        exec(compile("\n".join(lines), f"<decode {self.source.key}>", "exec"), scope)  # noqa: S102 (our own text, validated names)
        self._settle = scope["settle"]
        decode: Callable[[bytes], Event] = scope["decode"]
        return decode

    def _settling(self) -> Iterator[str]:
        """Yield the lines that convert the fields of `data`, and those of its objects and lists."""
        for name, field in self.source.fields.items():
            if field.fields:
                yield from self._settling_items(name, field)
                continue
            convert = _conversion(field, self._bounded(name, field))
            if convert is not None:
                at = f"data.{attribute(name)}"
                yield f"v = {at}"
                yield f"if v is not None and v is not UNSET: {at} = {convert}"

    def _settling_items(self, name: str, field: FieldType) -> Iterator[str]:
        lines = []
        for part, inner in field.fields.items():
            convert = _conversion(inner, self._bounded(f"{name}.{part}", inner))
            if convert is not None:
                at = f"item.{attribute(part)}"
                lines += [f"        v = {at}", f"        if v is not None: {at} = {convert}"]
        if lines:
            whole = f"data.{attribute(name)}"
            yield f"if {whole} is not None and {whole} is not UNSET:"
            yield f"    for item in {whole if field.type == 'list' else f'({whole},)'}:"
            yield from lines

    def _bounded(self, name: str, field: FieldType) -> str:
        """Return the name under which the generated code finds the checked values of a decimal field."""
        key = f"bounded_{one_word(name)}"
        if field.type == "decimal":
            self._checked[key] = _Bounded(name, field.minimum, field.maximum)
        return key

    def _fault(self, value: bytes, error: ValueError) -> str:
        """Return the error's words with the field that holds the text in front."""
        words = str(error)
        for path, text in _instants_in(msgspec.json.decode(value)["data"], self.source.fields):
            if words.startswith(f"`{text}` "):
                return f"field `{path}`: {words}"
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
    # A patch names an entry as `field.entry`: without a name it would stand for the field itself.
    "times": lambda _: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=256)], str | None], Meta(max_length=MOST_TIMES)
    ],
}


class _Bounded(dict[str | float, str | float]):
    """Decimals that were checked, by themselves; looking up another one checks it."""

    def __init__(self, name: str, minimum: int | None, maximum: int | None) -> None:
        self._name, self._minimum, self._maximum = name, minimum, maximum

    def __missing__(self, value: str | float) -> str | float:
        wrong = self._wrong(Decimal(str(value)))
        if wrong:
            raise ValueError(f"field `{self._name}`: `{value}` {wrong}")
        if len(self) >= _MEMO_SIZE:
            self.clear()
        self[value] = value
        return value

    def _wrong(self, number: Decimal) -> str | None:
        low, high = self._minimum, self._maximum
        if not number.is_finite():
            return "is no finite number"
        if (low is None or number >= low) and (high is None or number <= high):
            return None
        if low is not None and high is not None:
            return f"lies outside {low} to {high}"
        return f"is less than {low}" if high is None else f"is more than {high}"


def _conversion(field: FieldType, bounded: str) -> str | None:
    """Return the expression of what a value `v` becomes in an entity; None for what stays as it is decoded."""
    return {
        "timestamp": "instants[v]",
        "date": "v.toordinal()",
        "times": "{k: None if t is None else instants[t] for k, t in v.items()}",
        "decimal": f"{bounded}[v]",
    }.get(field.type)


def _instants_in(
    given: Mapping[str, Any], fields: Mapping[str, FieldType], before: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every instant in the data of an event, in the order in which they are converted."""
    for name, field in fields.items():
        value = given.get(name)
        if isinstance(value, str) and field.type == "timestamp":
            yield f"{before}{name}", value
        elif isinstance(value, dict) and field.type == "times":
            yield from ((f"{before}{name}.{entry}", text) for entry, text in value.items() if isinstance(text, str))
        elif field.fields and value is not None:
            for item in value if isinstance(value, list) else (value,):
                yield from _instants_in(item, field.fields, f"{name}.")


def _settled_annotation(field: FieldType) -> Any:
    """Return the type of a plain field in an entity."""
    if field.type in {"timestamp", "date"}:
        return int
    return str if field.type == "enum" else _ANNOTATIONS[field.type](field)


def _written(fields: Mapping[str, FieldType]) -> dict[str, str]:
    """Return how the attributes are spelt in JSON whose names are Python keywords."""
    return {attribute(name): name for name in fields if attribute(name) != name}


def _item_type(source: str, name: str, field: FieldType) -> type[Struct]:
    """Return the type of an object, or of the items of a list; their required fields must be there."""
    return msgspec.defstruct(
        f"{source}_{name}",
        _item_fields(field, {n: _ANNOTATIONS[f.type](f) for n, f in field.fields.items()}),
        rename=_written(field.fields),
        forbid_unknown_fields=True,
        gc=False,
    )


def _item_state(source: str, name: str, field: FieldType) -> type[Struct]:
    """Return the type in which an entity keeps an object, or the items of a list."""
    types = {n: _settled_annotation(f) for n, f in field.fields.items()}
    fields = [(f[0], f[1]) for f in _item_fields(field, types)]
    return msgspec.defstruct(f"{source}_{name}_state", fields, array_like=True, gc=False)


def _item_fields(field: FieldType, types: Mapping[str, Any]) -> list[Any]:
    required: list[Any] = [(attribute(n), types[n]) for n, f in field.fields.items() if f.required]
    return [*required, *((attribute(n), types[n] | None, None) for n, f in field.fields.items() if not f.required)]


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
    message, at, place = str(error).rpartition(" - at `")
    if not at:
        return str(error)
    of_key, _, path = place.rpartition("$")
    return f"field `{path.strip('`').lstrip('.')}`: {'a key in it: ' if of_key else ''}{message}"
