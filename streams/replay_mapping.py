"""The mapping language: how the rows of a CSV file become events (docs/replay.md has it in full).

Pure but for `load_mapping` and the side files that it reads. A mapping is checked whole, and every fault is told with
its line, before the first row is read; then it is compiled once to closures, so that a row costs a few calls.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, time
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from config.document import Loc, read
from config.faults import one_line
from streams.envelope import Event
from streams.replay_cells import (
    Make,
    Row,
    RowError,
    checked_instant,
    day,
    exact,
    filled,
    filled_in,
    filled_text,
    in_form,
    instant,
    mapped,
    minor,
    named,
    only_if,
    or_default,
    then,
    whole,
)
from streams.replay_rules import SOURCES, Condition, EventRule, Lookup, MappingFile, Not, Rule

_CELL = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class MappingError(ValueError):
    """A mapping that cannot be used; the text has one line for each fault. Reaction: stop, nothing was read."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = [one_line(fault) for fault in faults]
        super().__init__("\n".join(self.faults))


@dataclass(slots=True)
class RowMapping:
    """A compiled mapping."""

    path: Path
    makers: list[Callable[[Row], Event | None]]
    columns: dict[str, int]
    """The columns that it needs, with the line where each is named first."""

    def events(self, row: Row) -> Iterator[Event]:
        """Yield the events of one row.

        Raises:
            RowError: A cell does not fit.
        """
        for make in self.makers:
            event = make(row)
            if event is not None:
                yield event

    def check_header(self, path: Path, header: list[str]) -> None:
        """Raise `MappingError` for every column that the mapping needs and `path` has not."""
        faults = [
            f"{path}:1: column `{column}` (needed by {self.path}:{line}) is not there; the file has {', '.join(header)}"
            for column, line in self.columns.items()
            if column not in header
        ]
        if faults:
            raise MappingError(faults)


def load_mapping(path: Path) -> RowMapping:
    """Read, check and compile the mapping file `path`, with the side files that it names (beside it).

    Raises:
        MappingError: The file has faults; all of them are told.
        OSError: The file cannot be read.
    """
    tree, lines = _parse(path)
    try:
        model = MappingFile.model_validate(tree)
    except ValidationError as error:
        raise MappingError([_fault(path, lines, dict(one)) for one in error.errors()]) from None
    return _Compiler(path, model, lines).compile()


def _parse(path: Path) -> tuple[Any, dict[Loc, int]]:
    """Return the content of a YAML file and the line of every key and item."""
    try:
        document = read(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise MappingError([f"{path}:1: is not UTF-8 text at byte {error.start}; save it as UTF-8"]) from None
    if document.faults:
        raise MappingError([str(fault) for fault in document.faults])
    lines = {loc: line for loc, (line, _) in (document.values | document.keys).items()}
    return document.content, lines


def _fault(path: Path, lines: dict[Loc, int], error: dict[str, Any]) -> str:
    # Pydantic names the branch of a union in its path; the file knows no such thing.
    loc: Loc = ()
    for part in error["loc"]:
        if (*loc, part) in lines:
            loc = (*loc, part)
    name = error["loc"][-1] if error["loc"] else "mapping"
    where = f"{path}:{lines.get(loc, 1)}"
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: key `{name}` is not known here; take it out, or see docs/replay.md for those that are"
        case "missing":
            return f"{where}: key `{name}` is missing; add it"
        case "value_error":
            return f"{where}: {error['ctx']['error']}"
    text = error["msg"][:1].lower() + error["msg"][1:]
    return f"{where}: `{name}`: {text}, found `{error['input']}`; see docs/replay.md for what may stand here"


class _Compiler:
    """Turns the checked model into closures, collecting the faults that only show then."""

    def __init__(self, path: Path, model: MappingFile, lines: dict[Loc, int]) -> None:
        self._path, self._model, self._lines = path, model, lines
        self._columns: dict[str, int] = {}
        self._faults: list[str] = []
        self._tables = {name: self._table(name, lookup) for name, lookup in model.lookups.items()}

    def compile(self) -> RowMapping:
        makers = [self._event(rule, ("events", number)) for number, rule in enumerate(self._model.events)]
        if self._faults:
            raise MappingError(self._faults)
        return RowMapping(self._path, makers, self._columns)

    def _complain(self, loc: Loc, text: str) -> None:
        while loc not in self._lines:
            loc = loc[:-1]
        self._faults.append(f"{self._path}:{self._lines[loc]}: {text}")

    def _table(self, name: str, lookup: Lookup) -> dict[str, dict[str, str]]:
        path = self._path.parent / lookup.file
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                header = list(reader.fieldnames or [])
                if lookup.key in header:
                    return {row[lookup.key]: row for row in reader}
        except (OSError, ValueError, csv.Error) as error:  # ValueError: no UTF-8, or a name that no file can have
            self._complain(
                ("lookups", name, "file"),
                f"`{lookup.file}` cannot be read: {error}; name a CSV file beside the mapping",
            )
        else:
            text = f"column `{lookup.key}` is not in `{lookup.file}`; use one of {', '.join(header)}"
            self._complain(("lookups", name, "key"), text)
        return {}

    def _event(self, rule: EventRule, loc: Loc) -> Callable[[Row], Event | None]:
        entity_id = self._source(rule.entity_id, (*loc, "entity_id"))
        updated_at = self._source(rule.updated_at, (*loc, "updated_at"))
        event_id = None if rule.event_id is None else self._source(rule.event_id, (*loc, "event_id"))
        version = None if rule.version is None else self._source(rule.version, (*loc, "version"))
        fields = {name: self._source(source, (*loc, "fields", name)) for name, source in rule.fields.items()}
        applies = self._conditions(rule.when, (*loc, "when"))

        def make(row: Row) -> Event | None:
            if not applies(row):
                return None
            event: Event = {
                "event_id": "",
                "type": rule.type,
                "entity_id": filled_text(entity_id, row, "entity_id"),
                "op": rule.op,
                "updated_at": checked_instant(filled_text(updated_at, row, "updated_at")),
            }
            # Made of what the event says, so that a second replay repeats the first and changes nothing.
            made = f"{rule.type}:{event['entity_id']}:{event['updated_at']}"
            event["event_id"] = made if event_id is None else filled_text(event_id, row, "event_id")
            if version is not None:
                event["version"] = filled(version, row, "version")
            if rule.op != "delete":
                event["data"] = {name: named(name, field_of, row) for name, field_of in fields.items()}
            if self._model.source is not None:
                event["source"] = self._model.source
            return event

        return make

    def _conditions(self, when: Mapping[str, Condition], loc: Loc) -> Callable[[Row], bool]:
        tests: list[tuple[str, frozenset[str], bool]] = []
        for column, condition in when.items():
            self._use(column, (*loc, column))
            negated = isinstance(condition, Not)
            wanted = condition.negated if isinstance(condition, Not) else condition
            cells = wanted if isinstance(wanted, list) else [wanted]
            tests.append((column, frozenset(cell or "" for cell in cells), negated))
        return lambda row: all((row[column] in cells) != negated for column, cells, negated in tests)

    def _use(self, column: str, loc: Loc) -> None:
        self._columns.setdefault(column, self._lines.get(loc, 1))

    def _source(self, source: Any, loc: Loc) -> Make:
        if isinstance(source, Rule):
            return self._rule(source, loc)
        if isinstance(source, list):
            items = [self._source(item, (*loc, number)) for number, item in enumerate(source)]
            return lambda row: [item(row) for item in items]
        if isinstance(source, str):
            return self._template(source, loc)
        return lambda _: source

    def _template(self, text: str, loc: Loc) -> Make:
        parts: list[tuple[str, bool]] = []
        end = 0
        for match in _CELL.finditer(text):
            parts.append((text[end : match.start()], False))
            end = match.end()
            if match[1] is not None:
                parts.append((match[1], True))
                self._use(match[1], loc)
            elif len(match[0]) > 1:
                parts.append((match[0][0], False))
            else:
                self._complain(
                    loc,
                    f"template `{text}` has a lone `{match[0]}`; write `{{column}}`, or `{match[0] * 2}` for itself",
                )
        parts.append((text[end:], False))
        return filled_in([part for part in parts if part[0]])

    def _rule(self, rule: Rule, loc: Loc) -> Make:
        make = self._made(rule, loc)
        if rule.text is not None:
            make = then(make, partial(in_form, rule.text))
        if rule.map is not None:
            make = then(make, partial(mapped, rule.map, has_default="default" in rule.model_fields_set))
        if rule.default is not None:
            make = or_default(make, rule.default)
        if rule.when:
            make = only_if(self._conditions(rule.when, (*loc, "when")), make)
        return make

    def _made(self, rule: Rule, loc: Loc) -> Make:
        name = next(name for name in SOURCES if name in rule.model_fields_set)
        given = getattr(rule, name)
        loc = (*loc, name)
        if name == "lookup":
            return self._looked_up(rule, loc)
        if name == "first":
            choices = [self._source(choice, (*loc, number)) for number, choice in enumerate(given)]
            return lambda row: next((found for choice in choices if (found := choice(row)) is not None), None)
        if name == "object":
            fields = {key: self._source(source, (*loc, key)) for key, source in given.items()}
            return lambda row: {key: named(key, make, row) for key, make in fields.items()}
        make = self._source(given, loc)
        if name == "value":
            return make
        if name == "timestamp":
            zone = ZoneInfo(rule.zone) if rule.zone else None
            at = time.fromisoformat(rule.time) if rule.time else None
            # Files have far fewer different dates than rows.
            return then(make, lru_cache(maxsize=4096)(partial(instant, at, zone or UTC)))
        convert: dict[str, Callable[[Any], Any]] = {
            "minor": partial(minor, rule.exponent), "number": whole, "decimal": exact, "date": day,
        }  # fmt: skip
        return then(make, convert[name])

    def _looked_up(self, rule: Rule, loc: Loc) -> Make:
        lookup, table = self._model.lookups.get(rule.lookup or ""), self._tables.get(rule.lookup or "", {})
        by, column = self._source(rule.by, (*loc[:-1], "by")), rule.column or ""
        has_default = "default" in rule.model_fields_set
        if lookup is None:
            names = ", ".join(self._model.lookups) or "none"
            self._complain(loc, f"lookup `{rule.lookup}` is not declared; add it to `lookups` (declared: {names})")
        elif table and column not in (header := next(iter(table.values()))):
            self._complain(
                (*loc[:-1], "column"), f"column `{column}` is not in `{lookup.file}`; use one of {', '.join(header)}"
            )

        def find(key: Any) -> str | None:
            row = table.get(str(key))
            if row is not None:
                return row[column] or None
            if has_default:
                return None
            file = lookup.file if lookup else "?"
            raise RowError(f"`{key}` is not in `{file}`; add it there, or give the lookup a `default`")

        return then(by, find)
