"""The contracts of the topics: they are well formed, what we send obeys them, and what we refuse does not."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from config.declarations import Declarations, FieldType
from config.load import load
from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.events import RejectedError
from metrics.plan import Plan, compile_plan
from metrics.shard import Record, Rejected
from streams.envelope import Event
from streams.example_events import example_events
from streams.messages import Messages, encode, progress_of, split_key
from streams.owned import OwnedShard
from streams.publish.mirror import ChangesMessage
from streams.render_schemas import FOLDER, MESSAGES, schema_files
from streams.schemas.event_schemas import event_schema
from streams.schemas.forms import ROW, SERIES, SERIES_KEY
from streams.simulate.organisation import Organisation

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/golden"
ASYNCAPI = json.loads((ROOT / "tests/data/asyncapi-3.0.0.schema.json").read_text("utf-8"))
T = "2026-11-10T12:00:00Z"
ENVELOPE: dict[str, list[Any]] = {
    "event_id": ["", "x" * 257, None, 1],
    "type": ["person", None],
    "entity_id": ["", "x" * 257, None],
    "op": ["merge", None],
    "version": [-1, 2**63, 0.5, "1"],
    "updated_at": ["1969-12-31T23:59:59Z", "2026-06-01T00:00:00", "2026-06-01", "now", None, 0],
    "data": [None, [], "x"],
    "schema": ["1", 0.5],
    "source": [1],
    "arrived_at": ["2026-06-01T00:00:00Z"],
}
"""What no field of the envelope may be."""
BROKEN: dict[str, list[Any]] = {
    "string": [1, True, "x" * 1025, ["x"], {}],
    "integer": ["1", 0.5, True, 2**53 + 1, -(2**53) - 1],
    "money": ["1", 0.5, True, 10**15 + 1, -1],
    "decimal": ["NaN", "Infinity", "1e3", "one", "", "1.", ".5", "+1", 10**30, 1e300, True, []],
    "boolean": ["true", 1],
    "timestamp": ["today", "2026-10-05", "2026-10-05T08:00:00", "1969-12-31T00:00:00Z", "2100-01-01T00:00:00Z", 0],
    "date": ["2026-02-30", "2026-13-01", "05-10-2026", "2026-10-05T08:00:00Z", 20261005],
    "enum": ["", "Won", 1],
    "list": [{}, "x", [None], ["x"]],
    "object": [[], "x", {"x": 1}],
    "times": [[], {"a": "b"}, {"a": 1}],
}
"""By type: what no field of it may be."""
SOUND: dict[str, list[Any]] = {
    "string": ["", "x" * 1024, "é" * 1024],
    "money": [0, 10**15],
    "decimal": ["0", "1", "1.000", "0.5", 0, 1, 0.5],
    "boolean": [True, False],
    "timestamp": ["1970-01-01T00:00:00Z", "2026-10-05t08:00:00.123456789+02:00", "2099-12-31T23:59:59Z"],
    "date": ["1970-01-01", "2024-02-29"],
    "times": [{}, {"a": None}, {"a": T}],
}
"""By type: what every field of it may be."""


@cache
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@cache
def formats() -> FormatChecker:
    checker = FormatChecker(["date"])
    checker.checks("date-time", raises=ValueError)(lambda text: not isinstance(text, str) or is_instant(text))
    return checker


def is_instant(text: str) -> bool:
    return datetime.fromisoformat(text).utcoffset() is not None


@cache
def committed(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / FOLDER / f"{name}.json").read_text("utf-8"))
    return document


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(committed(name), format_checker=formats())


def faults(name: str, value: object) -> list[str]:
    return [error.message for error in validator(name).iter_errors(value)]


def decodable(event: Event) -> bool:
    """Return whether the event is accepted, and a put has all that it needs to count."""
    source = plan().sources[event["type"]] if event.get("type") in plan().sources else plan().sources["deal"]
    try:
        decoded = source.schema.decode(msgspec.json.encode(event))
    except RejectedError:
        return False
    return decoded.op != "put" or bool(source.complete(decoded.data))


def example(source: str) -> Event:
    event: Event = copy.deepcopy(committed(f"events/{source}")["examples"][0])
    return event


# --------------------------------------------------------------------------------------------------------------- files


def test_the_folder_holds_the_generated_files_and_no_others() -> None:
    made = [name for name, _ in schema_files(plan(), Settings())]

    assert sorted(str(p.relative_to(ROOT)) for p in (ROOT / FOLDER).rglob("*") if p.is_file()) == sorted(made)


def test_the_same_declarations_give_the_same_files() -> None:
    again = compile_plan(load(), "Europe/Amsterdam", "EUR")

    assert list(schema_files(again, Settings())) == list(schema_files(plan(), Settings()))


@pytest.mark.parametrize("name", [*(f"events/{s}" for s in load().sources), *MESSAGES, "dead-letter"])
def test_a_schema_is_one(name: str) -> None:
    document = committed(name)

    Draft202012Validator.check_schema(document)
    # AsyncAPI 3.0 tools read schemas as of draft 7; ours say nothing that means something else there.
    Draft7Validator.check_schema({k: v for k, v in document.items() if k != "$schema"})
    assert document["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


# -------------------------------------------------------------------------------------------------------------- events


def golden_events() -> Iterator[Event]:
    for path in (GOLDEN / "events.jsonl", GOLDEN / "second/events.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            event = json.loads(line)
            del event["arrived_at"]
            yield event


def simulated_events() -> Iterator[Event]:
    yield from Organisation(7, parse_instant("2026-11-24T12:00:00Z"), ZoneInfo("Europe/Amsterdam")).history(20)


def explained_events() -> Iterator[Event]:
    at = parse_instant(T)
    for kpi in plan().declarations.kpis.values():
        yield from example_events(plan(), kpi, at)


@pytest.mark.parametrize("events", [golden_events, simulated_events, explained_events])
def test_every_event_that_counts_is_valid(events: Any) -> None:
    seen, types = 0, set()
    for event in events():
        assert decodable(event) == (faults(f"events/{event['type']}", event) == []), event
        seen += decodable(event)
        types.add(event["type"])

    assert seen > 35
    assert len(types) >= 10


@pytest.mark.parametrize("source", load().sources)
def test_the_example_is_valid(source: str) -> None:
    assert faults(f"events/{source}", example(source)) == []
    assert decodable(example(source))


@pytest.mark.parametrize("source", load().sources)
def test_what_is_refused_in_the_envelope_is_invalid(source: str) -> None:
    for name, values in ENVELOPE.items():
        for value in values:
            event = {**example(source), name: value}
            assert not decodable(event), (name, value)
            assert faults(f"events/{source}", event), (name, value)
    for name in ("event_id", "type", "entity_id", "updated_at", "data"):
        event = example(source)
        del event[name]
        assert faults(f"events/{source}", event), name


def fields_of(source: str) -> Iterator[tuple[str, str, FieldType]]:
    """Yield (field, part of it or the empty text, type)."""
    for name, field in plan().declarations.sources[source].fields.items():
        yield name, "", field
        yield from ((name, part, inner) for part, inner in field.fields.items())


def varied(source: str, name: str, part: str, value: Any) -> Event:
    """Return the example with another value of a field, or of a part of one."""
    event = example(source)
    if not part:
        event["data"][name] = value
        return event
    whole = event["data"].setdefault(name, {})
    item = whole[0] if isinstance(whole, list) else whole
    item[part] = value
    return event


@pytest.mark.parametrize("source", load().sources)
def test_what_is_refused_in_a_field_is_invalid(source: str) -> None:
    for name, part, field in fields_of(source):
        outside = [field.minimum - 1] if field.minimum is not None else []
        outside += [field.maximum + 1] if field.maximum is not None else []
        texts = [str(v) for v in outside] if field.type == "decimal" else []
        for value in [*BROKEN[field.type], *outside, *texts]:
            event = varied(source, name, part, value)
            assert not decodable(event), (name, part, value)
            assert faults(f"events/{source}", event), (name, part, value)


@pytest.mark.parametrize("source", load().sources)
def test_what_is_accepted_in_a_field_is_valid(source: str) -> None:
    seen = 0
    for name, part, field in fields_of(source):
        for value in [*SOUND.get(field.type, []), *field.values, None]:
            event = varied(source, name, part, value)
            assert decodable(event) == (faults(f"events/{source}", event) == []), (name, part, value)
            seen += decodable(event)

    assert seen > 8


@pytest.mark.parametrize("source", load().sources)
def test_a_put_needs_what_is_required(source: str) -> None:
    for name, field in plan().declarations.sources[source].fields.items():
        event = example(source)
        event["data"].pop(name, None)
        assert decodable(event) == (faults(f"events/{source}", event) == []), name
        assert not (field.required and decodable(event)), name


@pytest.mark.parametrize(
    ("source", "changes", "missing"),
    [
        ("deal", {"status": "won", "closed_at": None}, "closed_at"),
        ("deal", {"status": "open", "closed_at": None}, None),
        ("activity", {"status": "completed", "occurred_at": None}, "occurred_at"),
        ("activity", {"status": "planned", "occurred_at": None}, None),
        ("feedback", {"kind": "csat", "scale_max": None}, "scale_max"),
        ("feedback", {"kind": "nps", "scale_max": None}, None),
        ("plan", {"amount_minor": 1, "currency": None}, "currency"),
        ("plan", {"amount_minor": None, "currency": None}, None),
        ("measurement", {"kind": "market_size", "values": {}}, "customers"),
        ("measurement", {"kind": "market_size", "values": {"customers": "5"}}, None),
        ("measurement", {"kind": "market_revenue", "values": {"value_minor": 5}}, "currency"),
        ("measurement", {"kind": "market_revenue", "values": {"value_minor": 5}, "currency": "EUR"}, None),
    ],
)
def test_what_is_required_at_times(source: str, changes: Event, missing: str | None) -> None:
    event = example(source)
    event["data"] |= changes
    if source == "measurement" and "currency" not in changes:
        event["data"].pop("currency", None)

    assert decodable(event) == (missing is None)
    found = faults(f"events/{source}", event)
    assert bool(found) == (missing is not None)


def test_a_patch_needs_only_what_it_changes() -> None:
    event = {**example("deal"), "op": "patch", "data": {"region": None, "probability": "0.4"}}

    assert faults("events/deal", event) == []
    assert faults("events/deal", {**event, "data": None})
    assert faults("events/deal", {**event, "data": {"owner": "r1"}})


def test_a_delete_needs_no_data() -> None:
    event = {**example("deal"), "op": "delete"}
    del event["data"]

    assert faults("events/deal", event) == []


CONDITIONS = """
version: 1
groups: {g: {title: {en: G, nl: G}}}
sources:
  - key: ticket
    topic: tickets
    fields:
      state: {type: string, default: open}
      size: {type: integer}
      urgent: {type: boolean}
      kind: {type: string, required: true, default: plain}
      parts: {type: object, fields: {colour: {type: string}}}
      a: {type: string}
      b: {type: string}
      c: {type: string}
      d: {type: string}
      e: {type: string}
      f: {type: string}
    required_when:
      - {field: a, where: {state: open}}
      - {field: b, where: {state: {not: open}}}
      - {field: c, where: {size: {gt: 2, lte: 5}, urgent: true}}
      - {field: d, where: {parts.colour: {exists: false}}}
      - {field: e, where: {parts.colour: {not: red}, size: {exists: true}}}
      - {field: f, where: {kind: {in: [plain, odd]}, size: {gte: 9}}}
"""


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("declared") / "tickets.yaml"
    path.write_text(CONDITIONS, encoding="utf-8")
    return compile_plan(load([path]), "Europe/Amsterdam", "EUR")


def test_conditions_mean_the_same_as_in_the_core(tickets: Plan) -> None:
    source = tickets.sources["ticket"]
    valid = Draft202012Validator(event_schema(tickets, source.source)).is_valid
    seen: set[bool] = set()
    choices: dict[str, list[Any]] = {
        "state": ["open", "closed", None], "size": [2, 3, 6, 9, None], "urgent": [True, None],
        "kind": ["odd", "rare", None], "parts": [{"colour": "red"}, {"colour": "blue"}, {}, None],
    }  # fmt: skip
    cases: list[dict[str, Any]] = [{}]
    for name, values in choices.items():
        cases = [{**case, **({} if value is None else {name: value})} for case in cases for value in values]
    for case in cases:
        for told in ("", "a", "b", "abd", "abe", "abcdef"):
            data = {**case, **dict.fromkeys(told, "x")}
            event = {"event_id": "1", "type": "ticket", "entity_id": "1", "updated_at": T, "data": data}
            whole = source.complete(source.schema.decode(msgspec.json.encode(event)).data)
            assert valid(event) == whole, data
            seen.add(whole)
    assert seen == {True, False}


# ------------------------------------------------------------------------------------------------------------ messages


@cache
def evaluated() -> Embedded:
    at = parse_instant(T)
    embedded = Embedded(plan(), at)
    embedded.apply([e for e in golden_events() if e["type"] in plan().sources], at)
    embedded.tick(at)
    return embedded


def test_every_reading_that_is_sent_is_valid() -> None:
    messages = Messages(plan())
    at = parse_instant(T)
    readings = list(evaluated().view.all_readings())
    sent = [messages.message(reading, at) for reading in readings]

    wrong = [f for message in sent for f in faults("reading", json.loads(encode(message)))]
    keys = [messages.key(reading) for reading in readings]
    assert wrong == []
    assert [key for key in keys if not re.search(SERIES_KEY["pattern"], key)] == []
    assert {m.value is None for m in sent} == {True, False}
    assert len(set(keys)) == len(sent) > 1000


def test_a_key_with_every_special_character_is_one() -> None:
    messages = Messages(plan())
    reading = next(r for r in evaluated().view.all_readings() if len(r.dims) == 1)
    key = messages.key(reading._replace(dims=("a,b|c=d%é\n",)))

    assert key.endswith("=a%2Cb%7Cc%3Dd%25é\n")
    for pattern, text in zip((SERIES_KEY, SERIES, ROW), (key, *split_key(key)), strict=True):
        assert re.search(pattern["pattern"], text)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 1}, {"value": "1,5"}, {"value": None}, {"window": "60d"}, {"unit": "euros"}, {"start": "2026-11-10"},
        {"reason": "unknown", "value": None}, {"revision": 0}, {"currency": "euro"}, {"dimensions": {"team": None}},
    ],
)  # fmt: skip
def test_a_broken_reading_is_invalid(changes: dict[str, Any]) -> None:
    reading = committed("asyncapi")["components"]["messages"]["reading"]["examples"][0]["payload"]

    assert faults("reading", reading) == []
    assert faults("reading", {**reading, **changes})


def test_a_field_that_is_added_later_is_no_fault() -> None:
    for name in (*MESSAGES, "dead-letter"):
        assert "additionalProperties" not in committed(name)


def test_every_field_of_a_message_is_explained() -> None:
    for name in ("reading", "progress", "entities", "alert", "dead-letter"):
        document = committed(name)
        for schema in (document, *document.get("$defs", {}).values()):
            assert [n for n, field in schema["properties"].items() if not field.get("description")] == []


def test_the_progress_and_the_changes_are_valid() -> None:
    changes = ChangesMessage("2026-11-10T12:00:00.000Z", {"revenue": ["30d|team=noord", "now|"]})

    assert faults("progress", json.loads(encode(progress_of(evaluated().view)))) == []
    assert faults("changes", msgspec.to_builtins(changes)) == []
    assert faults("changes", {"as_of": None, "changed": {"revenue": ["30d"]}})
    assert faults("changes", {"as_of": None, "changed": {"Revenue": ["now|"]}})


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "pending"}, {"status": "resolved"}, {"ends_at": T}, {"ends_at": "now"}, {"starts_at": None},
        {"fingerprint": "x"}, {"reading": "win_rate"}, {"dimensions": {"team": None}}, {"labels": []}, {"summary": 1},
    ],
)  # fmt: skip
def test_a_broken_alert_is_invalid(changes: dict[str, Any]) -> None:
    alert = committed("asyncapi")["components"]["messages"]["alert"]["examples"][0]["payload"]

    assert faults("alert", alert) == []
    assert faults("alert", {**alert, **changes})


async def test_a_dead_letter_is_valid() -> None:
    owned = OwnedShard(3, plan(), Settings(), lambda: 0)
    try:
        key, value = owned._dead_letter(  # noqa: SLF001 - what it sends, without a broker
            Rejected("deal", Record(b'{"\xff', 1_700_000_000_000, 41, 2), "no event")
        )
    finally:
        await owned.close()

    assert key == b"deal/2/41"
    letter = json.loads(value or b"")
    assert faults("dead-letter", letter) == []
    assert set(letter) == set(committed("dead-letter")["properties"])


# ------------------------------------------------------------------------------------------------------------ asyncapi


def test_the_asyncapi_document_is_one() -> None:
    document = committed("asyncapi")

    assert [error.message for error in Draft7Validator(ASYNCAPI).iter_errors(document)] == []
    broken = copy.deepcopy(document)
    broken["operations"]["send-kpis"]["action"] = "publish"
    assert not Draft7Validator(ASYNCAPI).is_valid(broken)


def test_every_declared_topic_is_a_channel() -> None:
    addresses = {channel["address"] for channel in committed("asyncapi")["channels"].values()}

    topics = {f"sales.{source.source.topic}" for source in plan().sources.values()}
    assert addresses == {*topics, "sales.kpis", "sales.alerts", "sales.dead-letters", "salespulse:changes"}


def test_names_follow_the_settings() -> None:
    settings = Settings(topic_prefix="acme", app_id="pulse")
    text = next(text for name, text in schema_files(plan(), settings) if name.endswith("asyncapi.json"))

    addresses = {channel["address"] for channel in json.loads(text)["channels"].values()}
    assert {"acme.deals", "acme.kpis", "acme.alerts", "acme.dead-letters", "pulse:changes"} < addresses
    assert "pulse.cells" in text
    assert "sales.kpis" not in text


def test_every_reference_leads_somewhere() -> None:
    document = committed("asyncapi")
    found = set(references(document))

    assert {"events/deal.json", "reading.json", "changes.json", "#/components/messages/gone"} < found
    for target in found:
        path, _, pointer = target.partition("#")
        at: Any = committed(path.removesuffix(".json")) if path else document
        for step in pointer.split("/")[1:]:
            at = at[step]


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_examples_of_messages_are_valid() -> None:
    registry: Registry[Any] = Registry().with_resource(
        "reading.json", Resource.from_contents(committed("reading"), default_specification=DRAFT202012)
    )
    for name in ("progress", "changes", "alert"):
        registry = registry.with_resource(f"{name}.json", Resource.from_contents(committed(name)))
    seen = 0
    for message in committed("asyncapi")["components"]["messages"].values():
        for told in message.get("examples", []):
            Draft202012Validator(message["payload"], registry=registry, format_checker=formats()).validate(
                told["payload"]
            )
            seen += 1
    assert seen == 5


def test_declarations_without_a_grouped_kpi_or_an_alert_have_contracts_too() -> None:
    declared = load()
    total_only = {
        k: v.model_copy(update={"declared_grains": ((),), "alerts": ()})
        for k, v in declared.kpis.items()
        if k == "revenue"
    }
    few = Declarations(**{**vars(declared), "kpis": total_only})

    files = dict(schema_files(compile_plan(few, "Europe/Amsterdam", "EUR"), Settings()))
    text = files[f"{FOLDER}/asyncapi.json"]
    assert '"revenue|1h|"' in text.replace("`", '"')
    assert '"alert": "SalespulseReadingsStale"' in text
