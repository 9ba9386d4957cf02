from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from streams.envelope import Event, parse_instant
from streams.replay import MappingError, ReplayError, find_shift, load_mapping, read_events, shift_event
from streams.replay_command import in_time, not_ahead, replay

SAMPLE = Path(__file__).parents[3] / "sample" / "ms_regional_sales"
UTC = ZoneInfo("UTC")
ROWS = "id,day,owner,amount,state,note\n1,2026-03-01,7,12.50,Open,\n2,2026-03-02,8,3,Won,Big  Deal!\n"
OWNERS = "id,team\n7,North\n8,\n"
MAPPING = """\
lookups:
  owners: {file: owners.csv, key: id}
events:
  - type: deal
    entity_id: "d-{id}"
    updated_at: {timestamp: "{day}", time: "10:00", zone: Europe/Amsterdam}
    fields:
      amount: {minor: "{amount}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "owners.csv").write_text(OWNERS)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    return tmp_path


def events_of(folder: Path, mapping: str | None = None, rows: str | None = None) -> list[Event]:
    if mapping is not None:
        (folder / "mapping.yaml").write_text(mapping)
    if rows is not None:
        (folder / "rows.csv").write_text(rows)
    return list(read_events([folder / "rows.csv"], folder / "mapping.yaml"))


def field_of(folder: Path, rule: str) -> list[object]:
    """Return what the field `x` becomes in each row under the given rule."""
    mapping = MAPPING.replace('amount: {minor: "{amount}"}', f"x: {rule}")
    return [event["data"]["x"] for event in events_of(folder, mapping)]


# ----------------------------------------------------------------------------------------------------------- the sample


@cache
def sample() -> tuple[Event, ...]:
    return tuple(read_events([SAMPLE / "opportunities.csv"], SAMPLE / "mapping.yaml"))


def deals(status: str) -> list[Event]:
    return [event for event in sample() if event["type"] == "deal" and event["data"]["status"] == status]


def test_the_sample_has_one_lead_and_one_deal_an_opportunity() -> None:
    assert Counter(event["type"] for event in sample()) == {"lead": 20_000, "deal": 20_000}
    assert len({event["event_id"] for event in sample()}) == 40_000
    assert {status: len(deals(status)) for status in ("open", "won", "lost")} == {
        "open": 5333,
        "won": 7282,
        "lost": 7385,
    }


def test_the_sample_has_the_known_pipeline() -> None:
    amounts = [
        (event["data"]["lines"][0]["amount_minor"], Decimal(event["data"]["probability"])) for event in deals("open")
    ]
    assert sum(amount for amount, _ in amounts) == 27_812_381_00
    assert sum(amount * probability for amount, probability in amounts) == 1_089_340_550


def test_the_sample_lies_before_its_reading_time() -> None:
    as_of = parse_instant("2021-11-10T23:00:00Z")
    assert all(parse_instant(event["updated_at"]) <= as_of for event in sample())
    closed = [event["data"]["closed_at"] for event in deals("won") + deals("lost")]
    assert max(closed) == "2021-11-10T15:00:00.000Z"
    assert max(event["data"]["created_at"] for event in sample()) == "2021-11-09T10:00:00.000Z"
    assert all(event["data"]["closed_at"] is None and event["data"]["expected_close_date"] for event in deals("open"))


def test_a_row_of_the_sample_becomes_these_events() -> None:
    lead, deal = (event for event in sample() if event["entity_id"] in {"29994", "lead-29994"})
    assert lead == {
        "event_id": "lead:lead-29994:2019-10-16T15:00:00.000Z",
        "type": "lead",
        "entity_id": "lead-29994",
        "op": "put",
        "updated_at": "2019-10-16T15:00:00.000Z",
        "source": "ms_regional_sales",
        "data": {
            "created_at": "2019-06-22T10:00:00.000Z",
            "status": "disqualified",
            "qualified_at": None,
            "customer_id": "account-1000",
            "source": "phone",
            "channel": None,
            "region": "us-south",
            "owner_id": "owner-11",
            "team_id": "ethan-brooks",
        },
    }
    assert deal["data"] == {
        "customer_id": "account-1000",
        "lead_id": "lead-29994",
        "pipeline_id": "regional",
        "stage": "qualify",
        "status": "lost",
        "currency": "USD",
        "lines": [
            {"line_id": "1", "product_id": "product-6", "quantity": "1", "amount_minor": 226_200, "cost_minor": None}
        ],
        "probability": "0.1",
        "owner_id": "owner-11",
        "team_id": "ethan-brooks",
        "region": "us-south",
        "source": "phone",
        "deal_type": "new_business",
        "created_at": "2019-06-22T10:00:00.000Z",
        "expected_close_date": None,
        "closed_at": "2019-10-16T15:00:00.000Z",
    }


def test_the_sample_keeps_its_codes_apart() -> None:
    assert {event["data"]["stage"] for event in sample() if event["type"] == "deal"} == {
        "qualify", "develop", "propose", "close",
    }  # fmt: skip
    assert {event["data"]["team_id"] for event in sample()} == {"amelie-garner", "ethan-brooks", "peyton-davis"}
    assert {event["data"]["source"] for event in sample()} == {
        None, "sales", "email", "online", "phone", "tradeshow", "promotion",
    }  # fmt: skip
    leads = Counter(event["data"]["status"] for event in sample() if event["type"] == "lead")
    assert leads == {"working": 5333, "converted": 7282, "disqualified": 7385}


# ----------------------------------------------------------------------------------------------------- mapping language


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("constant", ["constant", "constant"]),
        ("5", [5, 5]),
        ("null", [None, None]),
        ('"{id}"', ["1", "2"]),
        ('"{{{id}}}"', ["{1}", "{2}"]),
        ('"{note}"', [None, "Big  Deal!"]),
        ('"note-{note}"', [None, "note-Big  Deal!"]),
        ('["{id}", b]', [["1", "b"], ["2", "b"]]),
        ('[{object: {a: "{id}", b: {number: "{owner}"}}}]', [[{"a": "1", "b": 7}], [{"a": "2", "b": 8}]]),
        ('{minor: "{amount}", exponent: 3}', [12_500, 3_000]),
        ('{decimal: "{amount}"}', ["12.50", "3"]),
        ('{date: "{day}"}', ["2026-03-01", "2026-03-02"]),
        ('{timestamp: "{day}", time: "10:00"}', ["2026-03-01T10:00:00.000Z", "2026-03-02T10:00:00.000Z"]),
        ('{timestamp: "{day}T10:00:00+02:00"}', ["2026-03-01T08:00:00.000Z", "2026-03-02T08:00:00.000Z"]),
        ('{value: "{state}", map: {Open: o, Won: true}}', ["o", True]),
        ('{value: "{state}", map: {Open: o}, default: other}', ["o", "other"]),
        ('{value: "{state}", map: {Open: o}, default: null}', ["o", None]),
        ('{value: "{note}", text: slug, default: none}', ["none", "big-deal"]),
        ('{value: "{state}", text: upper}', ["OPEN", "WON"]),
        ('{value: "{state}", text: lower, map: {open: 1, won: 2}}', [1, 2]),
        ('{lookup: owners, by: "{owner}", column: team, text: lower}', ["north", None]),
        ('{lookup: owners, by: "{note}", column: team, default: nobody}', ["nobody", "nobody"]),
        ('{first: ["{note}", "{id}"]}', ["1", "Big  Deal!"]),
        ('{value: "{id}", when: {state: Won}}', [None, "2"]),
        ('{value: "{id}", when: {state: {not: Won}, note: null}}', ["1", None]),
        ('{value: "{id}", when: {note: {not: [null, x]}}}', [None, "2"]),
    ],
)
def test_a_rule_gives(folder: Path, rule: str, expected: list[object]) -> None:
    assert field_of(folder, rule) == expected


def test_a_date_takes_its_time_in_the_zone_with_its_summer_time(folder: Path) -> None:
    events = events_of(folder, rows=ROWS.replace("2026-03-02", "2026-03-29"))
    assert [event["updated_at"] for event in events] == ["2026-03-01T09:00:00.000Z", "2026-03-29T08:00:00.000Z"]


def test_a_row_may_become_several_events_or_none(folder: Path) -> None:
    more = """\
  - type: lead
    op: delete
    entity_id: "l-{id}"
    event_id: "e-{id}"
    version: {number: "{id}"}
    updated_at: "2026-01-01T00:00:00Z"
    when: {state: [Won, Lost]}
"""
    events = events_of(folder, MAPPING + more)
    assert [event["entity_id"] for event in events] == ["d-1", "d-2", "l-2"]
    assert events[0]["event_id"] == "deal:d-1:2026-03-01T09:00:00.000Z"
    assert events[2] == {
        "event_id": "e-2", "type": "lead", "entity_id": "l-2", "op": "delete", "version": 2,
        "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def test_a_byte_order_mark_quotes_and_empty_lines_are_fine(folder: Path) -> None:
    rows = '\ufeffid,day,owner,amount,state,note\r\n1,2026-03-01,7,1,Open,"a\nb"\r\n\r\n2,2026-03-01,7,1,Open,\r\n'
    assert [event["entity_id"] for event in events_of(folder, rows=rows)] == ["d-1", "d-2"]


# ------------------------------------------------------------------------------------------------------- mapping faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "fields:",
            "feilds:",
            ":7: key `feilds` is not known here; take it out, or see docs/replay.md for those that are",
        ),
        ("  - type: deal\n    entity_id", "  - entity_id", ":4: key `type` is missing; add it"),
        (
            'minor: "{amount}"',
            'minor: "{amount}", number: 1',
            (
                ":8: a rule has exactly one of value, lookup, minor, number,"
                " decimal, timestamp, date, object, first, this one has minor, number"
            ),
        ),
        (
            'minor: "{amount}"',
            'minor: "{amount}", time: "10:00"',
            (":8: `time` belongs to `timestamp`, this rule is a `minor`; leave it out"),
        ),
        (
            'minor: "{amount}"',
            "lookup: owners",
            (":8: `lookup` needs `by` (what to look for) and `column` (what to take); add them"),
        ),
        (
            'minor: "{amount}"',
            "lookup: boss, by: x, column: team",
            (":8: lookup `boss` is not declared; add it to `lookups` (declared: owners)"),
        ),
        (
            'minor: "{amount}"',
            "lookup: owners, by: x, column: tame",
            (":8: column `tame` is not in `owners.csv`; use one of id, team"),
        ),
        ("key: id", "key: nr", ":2: column `nr` is not in `owners.csv`; use one of id, team"),
        ('"10:00"', '"25:00"', ':6: `25:00` is no time of day; write it as "10:00"'),
        (
            "Europe/Amsterdam",
            "Europe/Delft",
            (":6: `Europe/Delft` is not an IANA time zone; use a name such as `Europe/Amsterdam` or `UTC`"),
        ),
        ("d-{id}", "d-{id", ":5: template `d-{id` has a lone `{`; write `{column}`, or `{{` for itself"),
        (
            'minor: "{amount}"',
            'minor: "{amount}", exponent: 9',
            (
                ":8: `exponent`: input should be less than or equal to 4,"
                " found `9`; see docs/replay.md for what may stand here"
            ),
        ),
        ("events:", "events: [", ": not YAML: "),
    ],
)
def test_a_broken_mapping_is_told_with_its_line(folder: Path, old: str, new: str, fault: str) -> None:
    (folder / "mapping.yaml").write_text(MAPPING.replace(old, new))
    with pytest.raises(MappingError) as raised:
        load_mapping(folder / "mapping.yaml")
    assert fault in str(raised.value)
    assert str(raised.value).startswith(f"{folder / 'mapping.yaml'}:")


def test_a_side_file_that_is_missing_is_told(folder: Path) -> None:
    (folder / "owners.csv").unlink()
    with pytest.raises(MappingError, match=r":2: `owners.csv` cannot be read: .*; name a CSV file beside the mapping"):
        load_mapping(folder / "mapping.yaml")


def test_all_faults_of_a_mapping_are_told_at_once(folder: Path) -> None:
    broken = MAPPING.replace("fields:", "feilds:").replace("type: deal", "typ: deal").replace("file:", "fiel:")
    (folder / "mapping.yaml").write_text(broken)
    with pytest.raises(MappingError) as raised:
        load_mapping(folder / "mapping.yaml")
    assert [fault.split(":")[1] for fault in sorted(raised.value.faults)] == ["2", "2", "4", "4", "7"]


def test_a_column_that_the_file_does_not_have_is_told(folder: Path) -> None:
    with pytest.raises(MappingError) as raised:
        events_of(folder, rows=ROWS.replace("amount", "value"))
    path = folder / "rows.csv"
    assert str(raised.value) == (
        f"{path}:1: column `amount` (needed by {folder / 'mapping.yaml'}:8) is not there;"
        " the file has id, day, owner, value, state, note"
    )


# ----------------------------------------------------------------------------------------------------------- row faults


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (
            '{minor: "{state}"}',
            (":2: field `x`: `Open` is not a number; write digits with a decimal point and no thousands separator"),
        ),
        (
            '{minor: "{amount}", exponent: 0}',
            (":2: field `x`: `12.50` has more than 0 decimals; round it, or set another `exponent`"),
        ),
        ('{number: "{amount}"}', ":2: field `x`: `12.50` is not a whole number; use `decimal`"),
        ('{date: "{note}"}', ":3: field `x`: `Big  Deal!` is not a date; write YYYY-MM-DD"),
        (
            '{timestamp: "{day}"}',
            (
                ":2: field `x`: `2026-03-01` is not an instant; write RFC 3339 with an offset, such as"
                " 2026-09-01T08:00:00Z; for a date without a time give the rule a `time`"
            ),
        ),
        (
            '{value: "{state}", map: {Open: o}}',
            (":3: field `x`: `Won` is not in `map` (Open); add it there, or give the rule a `default`"),
        ),
        (
            '{lookup: owners, by: "{id}", column: team}',
            (":2: field `x`: `1` is not in `owners.csv`; add it there, or give the lookup a `default`"),
        ),
        ('[{object: {y: {number: "{state}"}}}]', ":2: field `x`: field `y`: `Open` is not a number"),
    ],
)
def test_a_cell_that_does_not_fit_is_told(folder: Path, rule: str, fault: str) -> None:
    with pytest.raises(ReplayError) as raised:
        field_of(folder, rule)
    assert str(raised.value).startswith(f"{folder / 'rows.csv'}{fault}")


def test_an_event_without_an_identity_is_told(folder: Path) -> None:
    with pytest.raises(ReplayError, match=r"rows.csv:2: `entity_id` is empty; every event needs one"):
        events_of(folder, MAPPING.replace("d-{id}", "{note}"))


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("", "rows.csv:1: the file is empty; its first line must name the columns"),
        (ROWS + "3,x\n", "rows.csv:4: the row has 2 cells and the header 6; mend the row"),
        (ROWS + '3,2026-03-01,7,1,Open,"a\nb" c\n', "rows.csv:4: the row is not CSV: .*; mend the row"),
    ],
)
def test_a_row_of_the_wrong_shape_is_told(folder: Path, rows: str, fault: str) -> None:
    with pytest.raises(ReplayError, match=fault):
        events_of(folder, rows=rows)


def test_bytes_that_are_not_utf_8_are_told(folder: Path) -> None:
    (folder / "rows.csv").write_bytes(ROWS.encode() + b"3,2026-03-01,7,1,Open,caf\xe9\n")
    with pytest.raises(ReplayError, match=r"rows.csv:4: byte 26 is not UTF-8; save the file as UTF-8"):
        events_of(folder)


def test_files_that_cannot_be_read_are_told(folder: Path) -> None:
    with pytest.raises(ReplayError, match=r"rows.csv: a CSV file needs a mapping .*; give one with --mapping"):
        list(read_events([folder / "rows.csv"]))
    with pytest.raises(ReplayError, match=r"x.parquet: `.parquet` files cannot be read; convert it to .csv or .jsonl"):
        list(read_events([Path("x.parquet")]))
    with pytest.raises(ReplayError, match=r"none.jsonl: cannot be read: No such file or directory; check the path"):
        list(read_events([folder / "none.jsonl"]))


# ---------------------------------------------------------------------------------------------------------------- JSONL


def write_lines(folder: Path, *lines: str) -> Path:
    path = folder / "events.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ready_made_events_are_taken_as_they_are(folder: Path) -> None:
    path = write_lines(
        folder,
        '{"arrived_at":"2026-01-01T00:00:00Z","event_id":"e1","type":"lead","op":"patch","entity_id":"l1","version":3,'
        '"updated_at":"2026-01-01T00:00:00.000Z","data":{"status":"new"},"schema":1}',
        "",
        '{"type":"lead","entity_id":"l2","updated_at":"2026-01-01T00:00:00Z","op":"delete"}',
    )
    assert list(read_events([path])) == [
        {"event_id": "e1", "type": "lead", "op": "patch", "entity_id": "l1", "version": 3,
         "updated_at": "2026-01-01T00:00:00.000Z", "data": {"status": "new"}, "schema": 1},
        {"event_id": "lead:l2:2026-01-01T00:00:00Z", "type": "lead", "op": "delete", "entity_id": "l2",
         "updated_at": "2026-01-01T00:00:00Z"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "events.jsonl:2: the line is not JSON: .*; mend it"),
        ("[]", r"events.jsonl:2: `\[\]` is not an event; write a JSON object"),
        ('{"type":"lead"}', "events.jsonl:2: `entity_id` is `None`; every event needs a text there"),
        (
            '{"type":"lead","entity_id":"l","updated_at":"2026"}',
            "events.jsonl:2: `2026` is not an instant; write RFC 3339",
        ),
        (
            '{"type":"lead","entity_id":"l","updated_at":"2026-01-01T00:00:00Z","op":"x"}',
            "events.jsonl:2: op `x` is not known; use one of put, patch, delete",
        ),
        (
            '{"type":"lead","entity_id":"l","updated_at":"2026-01-01T00:00:00Z"}',
            "events.jsonl:2: `data` is `None`; a put needs an object there",
        ),
    ],
)
def test_a_line_that_is_no_event_is_told(folder: Path, line: str, fault: str) -> None:
    with pytest.raises(ReplayError, match=fault):
        list(read_events([write_lines(folder, "", line)]))


def test_progress_tells_every_byte(folder: Path) -> None:
    sizes: list[int] = []
    path = folder / "rows.csv"
    list(read_events([path, path], folder / "mapping.yaml", progress=sizes.append))
    assert sum(sizes) == 2 * path.stat().st_size


# ------------------------------------------------------------------------------------------------------------- shifting


def test_shifting_moves_every_timestamp_and_date_by_whole_days() -> None:
    event: Event = {
        "event_id": "e", "type": "deal", "entity_id": "2026-01-01", "op": "put",
        "updated_at": "2026-02-27T10:00:00.500Z",
        "data": {
            "created_at": "2026-02-27T10:00:00Z", "expected_close_date": "2026-02-28", "lost_reason": "2026-13-77",
            "stage_entered_at": {"a": "2026-02-27T10:00:00Z"}, "lines": [{"line_id": "1", "amount_minor": 5}],
            "closed_at": None,
        },
    }  # fmt: skip
    assert shift_event(event, 2) == event | {
        "updated_at": "2026-03-01T10:00:00.500Z",
        "data": {
            "created_at": "2026-03-01T10:00:00.000Z", "expected_close_date": "2026-03-02", "lost_reason": "2026-13-77",
            "stage_entered_at": {"a": "2026-03-01T10:00:00.000Z"}, "lines": [{"line_id": "1", "amount_minor": 5}],
            "closed_at": None,
        },
    }  # fmt: skip


def test_a_deletion_is_shifted_too() -> None:
    event: Event = {"type": "deal", "entity_id": "d", "op": "delete", "updated_at": "2026-02-27T10:00:00Z"}
    assert shift_event(event, 1) == event | {"updated_at": "2026-02-28T10:00:00.000Z"}


def test_a_period_is_not_moved_by_days() -> None:
    event: Event = {
        "type": "plan",
        "entity_id": "p",
        "updated_at": "2026-02-27T10:00:00Z",
        "data": {"period": "2026-02"},
    }
    with pytest.raises(
        ReplayError, match=r"plan `p`: period `2026-02` cannot be moved by 3 days; leave such events out"
    ):
        shift_event(event, 3)


def test_the_last_thing_that_happened_in_the_sample_is_moved_to_today() -> None:
    files, mapping = [SAMPLE / "opportunities.csv"], load_mapping(SAMPLE / "mapping.yaml")
    days = find_shift(files, mapping, date(2026, 11, 24), UTC)
    assert days == (date(2026, 11, 24) - date(2021, 11, 10)).days
    moved = [
        event["data"]["closed_at"] for event in read_events(files, mapping, days) if event["data"].get("closed_at")
    ]
    assert max(moved) == "2026-11-24T15:00:00.000Z"


def test_the_local_day_of_the_zone_decides(folder: Path) -> None:
    path = write_lines(folder, '{"type":"a","entity_id":"b","updated_at":"2026-01-01T23:30:00Z","op":"delete"}')
    assert find_shift([path], None, date(2026, 1, 2), UTC) == 1
    assert find_shift([path], None, date(2026, 1, 2), ZoneInfo("Europe/Amsterdam")) == 0


def test_dates_that_are_ahead_by_nature_do_not_count(folder: Path) -> None:
    path = write_lines(
        folder,
        '{"type":"deal","entity_id":"b","updated_at":"2026-01-01T00:00:00Z","data":{"expected_close_date":"2027-01-01",'
        '"closed_at":"2026-01-03T00:00:00Z","note":"2027-99-99","stage_entered_at":{"s":"2026-01-04T00:00:00Z"}}}',
    )
    assert find_shift([path], None, date(2026, 1, 5), UTC) == 1


def test_nothing_cannot_be_moved(folder: Path) -> None:
    with pytest.raises(ReplayError, match="holds no events; there is nothing to move"):
        find_shift([write_lines(folder, "")], None, date(2026, 1, 1), UTC)


# --------------------------------------------------------------------------------------------------------- the command


def run(*arguments: str | Path, broker: str = "127.0.0.1:1") -> tuple[int, str]:
    result = CliRunner().invoke(replay, [str(argument) for argument in arguments], env={"SALESPULSE_KAFKA": broker})
    return result.exit_code, result.output


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "inf", "nan"])
def test_a_speed_that_is_none_is_refused(folder: Path, speed: str) -> None:
    code, output = run(folder / "rows.csv", "--speed", speed)
    assert code == 2
    assert f"`{speed}` is not a speed; write `max`, or a number above 0 such as 60" in output


def test_a_mapping_for_ready_made_events_is_refused(folder: Path) -> None:
    code, output = run(write_lines(folder, ""), "--mapping", folder / "mapping.yaml")
    assert code == 2
    assert "--mapping is for CSV files" in output


def test_faults_end_the_command_with_their_text(folder: Path) -> None:
    (folder / "mapping.yaml").write_text("events: []")
    code, output = run(folder / "rows.csv", "--mapping", folder / "mapping.yaml")
    assert code == 1
    assert "Error: " in output
    assert "mapping.yaml:1: `events`: " in output


def test_a_broker_that_is_not_there_is_told(folder: Path) -> None:
    code, output = run(folder / "rows.csv", "--mapping", folder / "mapping.yaml")
    assert code == 1
    assert "no kafka broker answers at `127.0.0.1:1`" in output
    assert "or set `SALESPULSE_KAFKA` to where it is (0 events were written)" in output


def test_settings_that_cannot_be_used_end_with_two(folder: Path) -> None:
    assert run(folder / "rows.csv", broker="nowhere:port")[0] == 2


def test_an_update_ahead_of_now_is_written_as_of_now_and_keeps_its_order() -> None:
    now = parse_instant("2026-11-24T12:00:00Z")
    past: Event = {"updated_at": "2026-11-24T12:00:00Z"}
    ahead: Event = {"updated_at": "2026-11-24T15:00:00Z"}
    assert not_ahead(past, now) == past
    order = parse_instant("2026-11-24T15:00:00Z") * 1000
    assert not_ahead(ahead, now) == {"updated_at": "2026-11-24T12:00:00.000Z", "version": order}
    assert not_ahead(ahead | {"version": 3}, now)["version"] == 3


def test_a_paced_replay_goes_in_the_order_of_the_updates() -> None:
    events: list[Event] = [{"n": n, "updated_at": f"2026-01-0{day}T00:00:00Z"} for n, day in enumerate((3, 1, 3, 2))]
    assert [event["n"] for event in in_time(iter(events))] == [1, 3, 0, 2]
