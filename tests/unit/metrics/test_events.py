"""What is malformed or impossible is refused, and the text says why."""

from typing import Any

import msgspec
import pytest

from metrics.events import RejectedError
from tests.unit.metrics.samples import event, plan

LINE = {"line_id": "1", "product_id": "p1", "amount_minor": 1}
PHASE = {"from": "2026-01-01T00:00:00Z", "amount_minor": 1, "currency": "EUR", "interval": "day", "interval_count": 1}
RFC3339 = "is not an RFC 3339 instant; write one with its offset, like 2026-10-05T08:00:00.000Z"


def reason(source: str, value: bytes) -> str:
    with pytest.raises(RejectedError) as caught:
        plan().sources[source].schema.decode(value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "op", "changes", "text"),
    [
        ("deal", "put", {"created_at": "today"}, f"field `created_at`: `today` {RFC3339}"),
        ("deal", "patch", {"closed_at": "2026-10-05"}, f"field `closed_at`: `2026-10-05` {RFC3339}"),
        ("deal", "put", {"stage_entered_at": {"a": "b"}}, f"field `stage_entered_at.a`: `b` {RFC3339}"),
        (
            "deal",
            "put",
            {"closed_at": "1969-12-31T00:00:00Z"},
            "field `closed_at`: `1969-12-31T00:00:00Z` lies outside the years 1970 to 2099",
        ),
        ("deal", "put", {"probability": "1.01"}, "field `probability`: `1.01` lies outside 0 to 1"),
        ("deal", "put", {"probability": -1}, "field `probability`: `-1` lies outside 0 to 1"),
        ("deal", "put", {"status": "Won"}, "field `data.status`: Invalid enum value 'Won'"),
        (
            "deal",
            "put",
            {"lines": [{**LINE, "amount_minor": -1}]},
            "field `data.lines[0].amount_minor`: Expected `int` >= 0",
        ),
        (
            "deal",
            "put",
            {"lines": [{**LINE, "amount_minor": 10**15 + 1}]},
            "field `data.lines[0].amount_minor`: Expected `int` <= 1000000000000000",
        ),
        (
            "deal",
            "put",
            {"lines": [{**LINE, "amount_minor": 0.5}]},
            "field `data.lines[0].amount_minor`: Expected `int`, got `float`",
        ),
        ("deal", "put", {"lines": [{}]}, "field `data.lines[0]`: Object missing required field `line_id`"),
        (
            "deal",
            "put",
            {"lines": [{**LINE, "quantity": 10**30}]},
            "field `data.lines[0].quantity`: Expected `int` <= 1000000000000000000",
        ),
        ("deal", "patch", {"owner": "r1"}, "field `data`: Object contains unknown field `owner`"),
        ("deal", "patch", {"owner_id": 1}, "field `data.owner_id`: Expected `str | null`, got `int`"),
        ("activity", "put", {"quantity": 0}, "field `data.quantity`: Expected `int` >= 1"),
        ("fx_rate", "put", {"rate_date": "2026-02-30"}, "field `data.rate_date`: Invalid RFC3339 encoded date"),
        ("fx_rate", "put", {"rate": "-1"}, "field `rate`: `-1` is less than 0"),
        # Another field may well hold the same text.
        ("deal", "put", {"customer_id": "today", "created_at": "today"}, f"field `created_at`: `today` {RFC3339}"),
        ("order", "patch", {"quantity_ordered": -1}, "field `quantity_ordered`: `-1` is less than 0"),
        (
            "subscription",
            "patch",
            {"plan_id": "soon", "phases": [{**PHASE, "from": "soon"}]},
            f"field `phases.from`: `soon` {RFC3339}",
        ),
        ("fx_rate", "put", {"rate": 1e300}, "field `data.rate`: Expected `float` <= 1e+18"),
    ],
)
def test_data_that_cannot_be(source: str, op: str, changes: dict[str, Any], text: str) -> None:
    assert reason(source, msgspec.json.encode(event(source, op=op, **changes))) == text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e5000000", "one", ""])
def test_a_decimal_is_written_in_digits(number: str) -> None:
    text = reason("fx_rate", msgspec.json.encode(event("fx_rate", rate=number)))
    assert text.startswith("field `data.rate`: Expected `str` matching regex")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data": None}, "a put needs `data`"),
        ({"data": None, "op": "patch"}, "a patch needs `data`"),
        ({"op": "merge"}, "field `op`: Invalid enum value 'merge'"),
        ({"type": "lead"}, "field `type`: Invalid enum value 'lead'"),
        ({"version": -1}, "field `version`: Expected `int` >= 0"),
        ({"version": 2**63}, "field `version`: Expected `int` <= 9223372036854775807"),
        ({"event_id": ""}, "field `event_id`: Expected `str` of length >= 1"),
        ({"entity_id": "x" * 257}, "field `entity_id`: Expected `str` of length <= 256"),
        ({"updated_at": "2026-06-01T00:00:00"}, "field `updated_at`: Expected `datetime` with a timezone component"),
        ({"updated_at": "1969-12-31T23:59:59Z"}, "field `updated_at`: lies before 1970; check the producer's clock"),
        (
            {"updated_at": "1969-12-31T23:59:59Z", "op": "delete"},
            "field `updated_at`: lies before 1970; check the producer's clock",
        ),
        ({"arrived_at": "x"}, "Object contains unknown field `arrived_at`"),
    ],
)
def test_envelopes_that_cannot_be(changes: dict[str, Any], text: str) -> None:
    assert reason("deal", msgspec.json.encode({**event("deal"), **changes})) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"null", "Expected `object`, got `null`"),
        (b"{}", "Object missing required field `event_id`"),
        (b'{"event_id": "\xff"}', "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'{"data": ' + b"[" * 100_000, "field `data`: Expected `object | null`, got `array`"),
    ],
)
def test_bytes_that_are_no_event(value: bytes, text: str) -> None:
    assert reason("deal", value) == text


def test_a_decoded_put_holds_numbers() -> None:
    made = event("deal", version=7, created_at="2026-05-01T10:00:00.1239+02:00", expected_close_date="1970-01-02")
    decoded = plan().sources["deal"].schema.decode(msgspec.json.encode({**made, "schema": 1, "source": "crm"}))
    assert decoded.key == (7, 1_780_272_000_000_000, made["event_id"])
    assert decoded.data.created_at == 1_777_622_400_123
    assert decoded.data.expected_close_date == 719_164


def test_a_patch_tells_not_named_from_null() -> None:
    made = event("deal", op="patch", region=None)
    decoded = plan().sources["deal"].schema.decode(msgspec.json.encode(made))
    assert decoded.data.region is None
    assert decoded.data.channel is msgspec.UNSET


def test_a_delete_needs_no_data() -> None:
    decoded = plan().sources["deal"].schema.decode(msgspec.json.encode(event("deal", op="delete")))
    assert (decoded.op, decoded.data) == ("delete", None)


def test_the_memory_of_instants_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.events._MEMO_SIZE", 2)
    schema = plan().sources["lead"].schema
    for minute in (1, 2, 3, 1):
        made = event("lead", created_at=f"2026-05-01T08:{minute:02}:00Z")
        assert schema.decode(msgspec.json.encode(made)).data.created_at == 1_777_622_400_000 + minute * 60_000
