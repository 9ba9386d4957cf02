"""The merge of events into entities: the last writer wins, field by field."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from config.declarations import Declarations
from tests.properties.oracle.clock import EPOCH

Event = Mapping[str, Any]
Entity = dict[str, Any]


def order_key(event: Event) -> tuple[int, int, str]:
    updated = (datetime.fromisoformat(event["updated_at"]) - EPOCH) // timedelta(microseconds=1)
    version = event.get("version")
    return (updated if version is None else version), updated, event["event_id"]


def merge(events: Iterable[Event], declarations: Declarations) -> dict[str, dict[str, Entity]]:
    """Return the last-writer-wins state of every entity by source and id; a deleted one has `deleted` true."""
    by_entity: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        by_entity[event["type"], event["entity_id"]].append(event)
    merged: dict[str, dict[str, Entity]] = defaultdict(dict)
    for (source, entity_id), own in by_entity.items():
        merged[source][entity_id] = merge_one(own, declarations.sources[source].fields)
    return merged


def merge_one(events: Iterable[Event], fields: Mapping[str, Any]) -> Entity:
    ordered = sorted(events, key=order_key)
    entity: Entity = dict.fromkeys(fields)
    entity["deleted"] = False
    for event in ordered:
        entity["deleted"] = event["op"] == "delete"
        if event["op"] == "put":
            entity.update({name: event["data"].get(name) for name in fields})
        elif event["op"] == "patch":
            for name, value in event["data"].items():
                by_entry = fields[name].type == "times" and value is not None
                entity[name] = ({**(entity[name] or {}), **value} or entity[name]) if by_entry else value
    return entity
