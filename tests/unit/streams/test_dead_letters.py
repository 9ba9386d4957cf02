"""Dead letters: which are listed, how they are grouped and shown, and what a retry writes."""

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.dead_letters import DeadLetter, Overview, letter_of, rule_of
from streams.dead_letters_command import as_json, as_table, described, laid_out, visible
from streams.dead_letters_retry import distinct, entity_id_of
from tests.broker import free_port

EVENT = b'{"type": "deal", "entity_id": "D-1", "data": {"amount_minor": 12345678901234567890123}}'
BROKEN = "field `closed_at`: `{}` is not an RFC 3339 instant; write one with its offset"


def letter(offset: int = 1, reason: str = "no JSON", **more: Any) -> DeadLetter:
    fields: dict[str, Any] = {"type": "deal", "topic": "sales.deals", "partition": 3, "event": EVENT, "written_ms": 1}
    fields |= {"key": f"{more.get('type', 'deal')}/3/{offset}", "refused_ms": offset * 1000}
    return DeadLetter(reason=reason, offset=offset, **(fields | more))


def overview(*letters: DeadLetter, limit: int = 50, **asked: Any) -> Overview:
    found = Overview(limit, **asked)
    for of in letters:
        found.add(of)
    return found


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["dead-letters", *arguments], prog_name="salespulse")


# ------------------------------------------------------------------------------------------------------------- records


def test_a_record_of_the_worker_is_a_letter_with_the_bytes_of_its_event() -> None:
    record = {"reason": "no JSON", "type": "deal", "topic": "sales.deals", "partition": 3, "offset": 17}
    record |= {"written_ms": 5, "event": "\\xff{", "event_base64": b"\xff{"}

    found = letter_of(b"deal/3/17", msgspec.json.encode(record), 99)

    assert found == letter(17, written_ms=5, event=b"\xff{", refused_ms=99)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"reason": 1}'])
def test_a_record_of_somebody_else_is_none(value: bytes | None) -> None:
    assert letter_of(b"key", value, 1) is None


# ------------------------------------------------------------------------------------------------------------ overview


def test_the_newest_come_first_and_all_are_counted() -> None:
    found = overview(*(letter(n) for n in (2, 5, 1, 4, 3)), limit=2)

    assert [of.offset for of in found.newest] == [5, 4]
    assert found.count == 5


def test_only_the_type_and_the_time_that_are_asked_for_count() -> None:
    letters = [letter(1), letter(2), letter(3, type="lead"), letter(4)]

    found = overview(*letters, type_="deal", since_ms=2000)

    assert [of.offset for of in found.newest] == [4, 2]
    assert found.totals == {("deal", "no JSON"): 2}


def test_letters_that_came_at_one_instant_are_all_kept() -> None:
    assert overview(*(letter(n, refused_ms=7) for n in range(3))).count == 3


def test_reasons_that_differ_by_a_value_are_one_and_the_most_come_first() -> None:
    letters = [letter(1), letter(2, BROKEN.format("x: `y`")), letter(3, BROKEN.format("")), letter(4, type="lead")]

    totals = list(overview(*letters).totals.items())

    assert totals == [(("deal", BROKEN.format("…")), 2), (("deal", "no JSON"), 1), (("lead", "no JSON"), 1)]


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("JSON is malformed: invalid character (byte 17)", "JSON is malformed: invalid character"),
        ("field `data.lines[2].quantity`: Expected `str`", "field `data.lines[…].quantity`: Expected `str`"),
        ("field `data`: Object contains unknown field `x`", "field `data`: Object contains unknown field `x`"),
    ],
)
def test_the_place_is_no_part_of_a_rule_but_names_are(reason: str, rule: str) -> None:
    assert rule_of(reason) == rule


# ------------------------------------------------------------------------------------------------------------- wording


def test_a_table_has_a_line_for_each_letter_and_the_totals_after_them() -> None:
    lines = list(as_table(overview(letter(9), letter(10, "two\nlines"), letter(8), limit=2), "sales.dead-letters"))

    assert lines == [
        "deal/3/10  1970-01-01T00:00:10.000Z  two lines",
        "deal/3/9   1970-01-01T00:00:09.000Z  no JSON",
        "",
        "3 dead letters; the newest 2 are shown",
        "      2  deal  no JSON",
        "      1  deal  two lines",
    ]


def test_many_reasons_are_summed_up() -> None:
    lines = list(as_table(overview(*(letter(n, f"reason {n:02}") for n in range(23))), "sales.dead-letters"))

    assert lines[-1] == "      3  for 3 other reasons"
    assert sum(line.endswith(tuple(f"reason {n:02}" for n in range(23))) for line in lines) == 23 + 20


def test_no_letters_are_said_to_be_none() -> None:
    assert list(as_table(overview(), "acme.dead-letters")) == ["no dead letters that match are on `acme.dead-letters`"]


def test_json_has_the_letters_and_the_totals() -> None:
    document = json.loads("\n".join(as_json(overview(letter(1), letter(2), limit=1))))

    (shown,) = document["letters"]
    assert (shown["key"], shown["refused_at"], shown["topic"]) == (
        "deal/3/2",
        "1970-01-01T00:00:02.000Z",
        "sales.deals",
    )
    assert (document["count"], document["totals"]) == (2, [{"type": "deal", "reason": "no JSON", "count": 2}])


def test_a_letter_is_described_with_where_it_stood_and_its_event() -> None:
    text = "\n".join(described(letter(17)))

    for part in ("deal/3/17", "no JSON", "sales.deals, partition 3, offset 17", f"{len(EVENT)} bytes"):
        assert part in text
    assert '\n    "amount_minor": 12345678901234567890123\n' in text


@pytest.mark.parametrize(
    ("event", "shown"),
    [(b"no json", "no json"), (b"", ""), (b'{"a": 1', '{"a": 1'), (b'{"a": "\xff"}', '{"a": "\\xff"}')],
)
def test_what_is_no_json_is_left_as_it_is(event: bytes, shown: str) -> None:
    assert laid_out(event) == shown


def test_an_event_cannot_steer_the_terminal() -> None:
    assert visible("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\n"
    assert "\x1b" not in "".join(described(letter(reason="\x1b[2J", event=b"\x1b[2J", key="\x1b")))
    assert "\x1b" not in "".join(as_table(overview(letter(reason="\x1b[2J", key="\x1b")), "t"))


# --------------------------------------------------------------------------------------------------------------- retry


def test_an_event_with_several_letters_is_written_once_and_the_oldest_comes_first() -> None:
    again, other = letter(4), letter(2, event=b"other")

    assert distinct([again, letter(1), other, letter(3, topic="sales.leads")]) == [
        other, letter(3, topic="sales.leads"), again,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "entity_id"),
    [
        (EVENT, "D-1"),
        (b'{"entity_id": "\xc3\xa9"}', "é"),
        (b'{"entity_id": ""}', None),
        (b'{"entity_id": 7}', None),
        (b'{"entity_id": "D-1"', None),
        (b'{"entity_id": "\xff"}', None),
        (b'{"entity_id": "D-1", "x": ' + b"[" * 100_000, None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_the_key_is_the_entity_id_where_it_can_be_read(event: bytes, entity_id: str | None) -> None:
    assert entity_id_of(event) == entity_id


# --------------------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "name what to retry"),
        (["retry", "deal/0/1", "--all", "--yes"], "name what to retry"),
        (["retry", "--type", "deal", "--all", "--yes"], "name what to retry"),
        (["retry", "--all"], "need --yes"),
        (["retry", "--type", "deal"], "need --yes"),
        (["list", "--since", "2 weeks"], "`2 weeks` is not a duration"),
        (["list", "--limit", "0"], "--limit"),
        (["show"], "KEY"),
    ],
)
def test_a_usage_error_ends_with_2_and_asks_no_broker(arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("arguments", [["list"], ["show", "deal/0/1"], ["retry", "--all", "--yes"]])
def test_without_a_broker_every_command_says_so_and_ends_with_1(arguments: list[str]) -> None:
    address = f"127.0.0.1:{free_port()}"

    result = run(*arguments, SALESPULSE_KAFKA=address)

    assert result.exit_code == 1
    assert f"Error: no kafka broker answers at `{address}`" in result.output


def test_a_wrong_setting_ends_with_2() -> None:
    assert run("list", SALESPULSE_PARTITIONS="many").exit_code == 2
