"""A mapping is one or is told what is wrong with it; a row or line becomes events or is told with its place."""

import csv
import io
import random
import re
from datetime import date
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.declarations import Declarations
from config.load import load
from streams.replay import ReplayError, find_shift, read_events
from streams.replay_mapping import MappingError, RowMapping, load_mapping
from tests.fuzz.effort import effort
from tests.fuzz.extremes import BAD_INSTANTS, DATES, INSTANTS, TEXTS, Extremes
from tests.fuzz.mutations import spoil
from tests.fuzz.writing import BOMB, misspelt

LONGEST_LINE = 6_000
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MAPPING = """\
lookups:
  owners: {file: owners.csv, key: Name}
source: crm
events:
  - type: deal
    entity_id: "D-{id}"
    updated_at:
      first:
        - {timestamp: "{closed}", zone: Europe/Amsterdam}
        - {timestamp: "{day}", time: "10:00", zone: Asia/Kolkata}
    version: {number: "{version}"}
    when: {status: {not: [Gone, null]}}
    fields:
      stage: {value: "{status}", text: slug, map: {won: won, lost: lost}, default: open}
      expected_close_date: {date: "{day}"}
      probability: {decimal: "{share}"}
      lines: [{object: {line_id: "1", amount_minor: {minor: "{amount}", exponent: 3}}}]
      owner_id: {lookup: owners, by: "{owner}", column: Id, default: nobody}
      note: "{{literally}} {owner}"
  - {type: lead, op: delete, entity_id: "{id}", updated_at: {timestamp: "{closed}"}, when: {status: Gone}}
"""
COLUMNS = ("id", "closed", "day", "version", "status", "share", "amount", "owner")
NUMBERS = (
    *(
        "0",
        "-1",
        "1.5",
        "1e5",
        "1e999999999",
        "-1e-999999999",
        "NaN",
        "sNaN",
        "Infinity",
        "٣",
        "1_000",
        "1,5",
        " 7 ",
        "0x1",
    ),
    *(
        "9" * 18,
        "9" * 19,
        "9" * 5_000,
        "0." + "0" * 17 + "1",
        "0." + "0" * 5_000 + "1",
        "999999999999999999.999999999999999999",
    ),
)
CELLS = (*TEXTS, *INSTANTS, *BAD_INSTANTS, *DATES, *NUMBERS, "Won", "Gone", "x" * 200_000, "2026-02-30", "0000-00-00")
RECORDS = st.lists(
    st.lists(st.sampled_from(CELLS) | st.text(max_size=20), min_size=len(COLUMNS), max_size=len(COLUMNS))
)


@cache
def declarations() -> Declarations:
    return load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "owners.csv").write_text("Name,Id\nx1,o1\n", encoding="utf-8")
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def mapping(folder: Path) -> RowMapping:
    return load_mapping(folder / "mapping.yaml")


def told(lines: list[str], path: Path) -> None:
    """Check that faults are lines that a person can read, each with the file that is wrong."""
    assert lines
    for line in lines:
        assert line.isprintable()
        assert len(line) <= LONGEST_LINE
        assert path.name in line


def loaded(path: Path) -> RowMapping | None:
    try:
        return load_mapping(path)
    except MappingError as error:
        told(error.faults, path)
        return None


def read_all(path: Path, mapping: RowMapping | None = None) -> None:
    """Read a file as events, and once more with all dates moved."""
    try:
        shift = find_shift([path], mapping, date(2026, 11, 1), AMSTERDAM)
        for days in (0, shift, 10**7):
            for event in read_events([path], mapping, days):
                msgspec.json.encode(event)
    except MappingError as error:
        told(error.faults, path)
    except ReplayError as error:
        told([f"{path.name} or its event: {error}"], path)  # what cannot be moved names its event alone


def test_the_mapping_itself_fits_its_rows(folder: Path, mapping: RowMapping) -> None:
    write(folder / "one.csv", [["1", INSTANTS[0], "2026-11-01", "3", "Won", "0.5", "1.234", "x1"]])
    (event,) = read_events([folder / "one.csv"], mapping)
    assert event["data"]["lines"] == [{"line_id": "1", "amount_minor": 1234}]
    assert event["data"]["owner_id"] == "o1"


@effort()
@given(st.randoms(use_true_random=True))
def test_a_misspelt_mapping(folder: Path, draw: random.Random) -> None:
    path = folder / "misspelt.yaml"
    path.write_text(misspelt(draw, MAPPING), encoding="utf-8", errors="surrogatepass")
    mapping = loaded(path)
    if mapping is not None:
        write(folder / "one.csv", [["1", INSTANTS[0], "2026-11-01", "3", "Won", "0.5", "1.234", "x1"]])
        read_all(folder / "one.csv", mapping)


@effort()
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_anything_as_a_mapping(folder: Path, text: str | bytes) -> None:
    path = folder / "anything.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    loaded(path)


def test_a_mapping_of_aliases_of_aliases(folder: Path) -> None:
    path = folder / "bomb.yaml"
    path.write_text(BOMB, encoding="utf-8")
    assert loaded(path) is None


def write(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    path.write_text(text.getvalue(), encoding="utf-8", errors="surrogatepass", newline="")


@effort()
@given(RECORDS)
def test_rows_of_anything(folder: Path, mapping: RowMapping, rows: list[list[str]]) -> None:
    write(folder / "rows.csv", rows)
    read_all(folder / "rows.csv", mapping)


@effort()
@given(st.randoms(use_true_random=True))
def test_a_spoilt_file_of_rows(folder: Path, mapping: RowMapping, draw: random.Random) -> None:
    write(folder / "spoilt.csv", [[draw.choice(CELLS) for _ in COLUMNS] for _ in range(3)])
    (folder / "spoilt.csv").write_bytes(spoil(draw, (folder / "spoilt.csv").read_bytes()))
    read_all(folder / "spoilt.csv", mapping)


@effort()
@given(st.randoms(use_true_random=True))
def test_a_spoilt_file_of_ready_made_events(folder: Path, draw: random.Random) -> None:
    lines = [msgspec.json.encode(Extremes(draw, declarations()).event()) for _ in range(3)]
    (folder / "spoilt.jsonl").write_bytes(b"\n".join([*lines[:2], spoil(draw, lines[2])]))
    read_all(folder / "spoilt.jsonl")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('updated_at: {timestamp: "{closed}"}', "updated_at: spoilt", "field `updated_at`: `spoilt` is not an instant"),
        ('entity_id: "{id}"', "entity_id: 5", "`entity_id` is `5`; every event needs a text there"),
        ('entity_id: "{id}"', "entity_id: [a]", "`entity_id` is `['a']`; every event needs a text there"),
    ],
)
def test_what_makes_no_event_is_told(folder: Path, old: str, new: str, fault: str) -> None:
    path = folder / "wrong.yaml"
    path.write_text(MAPPING.replace(old, new), encoding="utf-8")
    write(folder / "gone.csv", [["1", INSTANTS[0], "2026-11-01", "3", "Gone", "0.5", "1.234", "x1"]])
    with pytest.raises(ReplayError, match=re.escape(fault)):
        list(read_events([folder / "gone.csv"], path))
