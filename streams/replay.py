"""Read CSV and JSONL files as events: `read_events`, and `find_shift` for moving all their dates.

Files are streamed: memory does not grow with their size. See docs/replay.md for users; `streams.replay_command` writes
the events to Kafka.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from config.faults import one_line
from streams.envelope import Event, format_instant, parse_instant
from streams.replay_cells import RowError
from streams.replay_mapping import MappingError, RowMapping, load_mapping

__all__ = ["MappingError", "ReplayError", "find_shift", "load_mapping", "read_events", "shift_event"]

JSON_LINES = frozenset({".jsonl", ".ndjson"})
FORWARD_FIELDS = frozenset({"expected_close_date", "promised_on", "due_at", "trial_ended_at", "to"})
"""Fields that rightly lie in the future: they do not tell when the last thing of a file happened."""

_DAY_MS = 86_400_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OPS = ("put", "patch", "delete")
_TOO_DEEP = "nested too deeply; no event has more than a few brackets in each other"

Progress = Callable[[int], None]


class ReplayError(ValueError):
    """A file, or a row of it, that cannot be read as events. Reaction: stop; what was sent before stays sent."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


def read_events(
    paths: Sequence[Path],
    mapping: RowMapping | Path | None = None,
    shift_days: int = 0,
    *,
    progress: Progress | None = None,
) -> Iterator[Event]:
    """Yield the events of the files, in the order of the files and their rows.

    Args:
        paths: CSV files (`.csv`) and files of ready-made events, one JSON object a line (`.jsonl`, `.ndjson`).
        mapping: How CSV rows become events; JSONL files need none.
        shift_days: Whole days of 24 hours to add to every timestamp and date.
        progress: Told after each row how many bytes were read since it was told last.

    Raises:
        MappingError: The mapping has faults, or needs columns that a file does not have.
        ReplayError: A file or a row cannot be used; says file, line, field, what was found and the remedy.
    """
    rows = load_mapping(mapping) if isinstance(mapping, Path) else mapping
    for path in paths:
        for event in _file_events(path, rows, progress or (lambda _: None)):
            yield shift_event(event, shift_days) if shift_days else event


def find_shift(paths: Sequence[Path], mapping: RowMapping | Path | None, today: date, zone: ZoneInfo) -> int:
    """Return the days to add so that the last thing of the files happened on `today`, in the zone's local time.

    Reads the files once. Fields that lie in the future by nature (`FORWARD_FIELDS`) do not count.

    Raises:
        MappingError, ReplayError: As `read_events`.
    """
    last: date | None = None
    for event in read_events(paths, mapping):
        newest = max(_days_of(event, zone))
        last = newest if last is None or newest > last else last
    if last is None:
        raise ReplayError(f"`{', '.join(map(str, paths))}` holds no events; there is nothing to move")
    return (today - last).days


def shift_event(event: Event, days: int) -> Event:
    """Return `event` with `days` days added to its timestamps and dates.

    Raises:
        ReplayError: The event is about a period (a plan), which whole days do not move to another one.
    """
    data = event.get("data")
    if data is not None and "period" in data:
        raise ReplayError(
            f"{event['type']} `{event['entity_id']}`: period `{data['period']}` cannot be moved by {days} days;"
            " leave such events out of the file, or replay it without --shift-to"
        )
    moved = event | {"updated_at": _shift_text(event["updated_at"], days)}
    try:
        return moved if data is None else moved | {"data": _shift(data, days)}
    except RecursionError:
        raise ReplayError(f"{event['type']} `{event['entity_id']}`: its data is {_TOO_DEEP}") from None


def _shift(value: Any, days: int) -> Any:
    if isinstance(value, str):
        return _shift_text(value, days)
    if isinstance(value, dict):
        return {key: _shift(item, days) for key, item in value.items()}
    if isinstance(value, list):
        return [_shift(item, days) for item in value]
    return value


def _shift_text(text: str, days: int) -> str:
    return _shift_date(text, days) if text[:1].isdigit() and _DATE.match(text) else text


@lru_cache(maxsize=4096)  # a file has far fewer different dates than rows
def _shift_date(text: str, days: int) -> str:
    try:
        if _DATE.fullmatch(text):
            return (date.fromisoformat(text) + timedelta(days=days)).isoformat()
        return format_instant(parse_instant(text) + days * _DAY_MS)
    except (ValueError, OverflowError):
        return text  # no date though it looks like one, which the worker will tell; or 9999-12-31, which means never


def _days_of(event: Event, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local days on which things of this event happened."""
    yield _local_day(event["updated_at"], zone)
    for name, value in (event.get("data") or {}).items():
        for text in value.values() if isinstance(value, dict) else (value,):
            if name not in FORWARD_FIELDS and isinstance(text, str) and _DATE.match(text):
                try:
                    yield _local_day(text, zone)
                except ValueError:
                    continue


def _local_day(text: str, zone: ZoneInfo) -> date:
    if _DATE.fullmatch(text):
        return date.fromisoformat(text)
    at_ms = parse_instant(text)
    try:
        return datetime.fromtimestamp(at_ms / 1000, zone).date()
    except (OverflowError, ValueError, OSError):
        return date.fromisoformat(text[:10])  # in the first or the last year that there is


# ---------------------------------------------------------------------------------------------------------------- files


def _file_events(path: Path, mapping: RowMapping | None, progress: Progress) -> Iterator[Event]:
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        return _json_events(path, progress)
    if suffix != ".csv":
        raise ReplayError(f"{path}: `{path.suffix}` files cannot be read; convert it to .csv or .jsonl")
    if mapping is None:
        raise ReplayError(
            f"{path}: a CSV file needs a mapping that says what its columns mean; give one with --mapping"
        )
    return _csv_events(path, mapping, progress)


class _Lines:
    """The lines of a file as text, with their number, and the bytes read since last asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = 0
        self._bytes = 0

    def __iter__(self) -> Iterator[str]:
        try:
            with self._path.open("rb") as file:
                for line in file:
                    self.number += 1
                    self._bytes += len(line)
                    yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ReplayError(
                f"{self._path}:{self.number}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
            ) from None
        except OSError as error:
            raise ReplayError(f"{self._path}: cannot be read: {error.strerror}; check the path") from None

    def read_since(self) -> int:
        count, self._bytes = self._bytes, 0
        return count


def _csv_events(path: Path, mapping: RowMapping, progress: Progress) -> Iterator[Event]:
    lines = _Lines(path)
    reader = csv.reader(lines, strict=True)
    begin = 1
    try:
        header = next(reader, None)
        if header is None:
            raise ReplayError(f"{path}:1: the file is empty; its first line must name the columns")
        mapping.check_header(path, header)
        begin = lines.number + 1
        for cells in reader:
            if cells:
                yield from mapping.events(_row(header, cells))
            progress(lines.read_since())
            begin = lines.number + 1
    except RowError as error:
        raise ReplayError(f"{path}:{begin}: {error}") from None
    except csv.Error as error:
        raise ReplayError(f"{path}:{begin}: the row is not CSV: {error}; mend the row") from None


def _row(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise RowError(f"the row has {len(cells)} cells and the header {len(header)}; mend the row")
    return dict(zip(header, cells, strict=True))


def _json_events(path: Path, progress: Progress) -> Iterator[Event]:
    lines = _Lines(path)
    decode = msgspec.json.Decoder().decode
    for line in lines:
        if line.strip():
            try:
                event = _checked(decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ReplayError(f"{path}:{lines.number}: the line is not JSON: {error}; mend it") from None
            except ValueError as error:
                raise ReplayError(f"{path}:{lines.number}: {error}") from None
            except RecursionError:
                raise ReplayError(f"{path}:{lines.number}: the line is {_TOO_DEEP}") from None
            yield event
        progress(lines.read_since())


def _checked(event: Any) -> Event:
    """Return a ready-made event, checked as far as it takes to send it; the worker checks the rest."""
    if not isinstance(event, dict):
        raise ValueError(f"`{str(event)[:40]}` is not an event; write a JSON object")  # noqa: TRY004
    for name in ("type", "entity_id", "updated_at"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise ValueError(f"`{name}` is `{event.get(name)}`; every event needs a text there")
    parse_instant(event["updated_at"])
    if event.setdefault("op", "put") not in _OPS:
        raise ValueError(f"op `{event['op']}` is not known; use one of {', '.join(_OPS)}")
    if event["op"] != "delete" and not isinstance(event.get("data"), dict):
        raise ValueError(f"`data` is `{event.get('data')}`; a {event['op']} needs an object there")
    event.setdefault("event_id", f"{event['type']}:{event['entity_id']}:{event['updated_at']}")
    event.pop("arrived_at", None)
    return event
