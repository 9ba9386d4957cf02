"""The contracts with other services as files below docs/schemas."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from config.settings import Settings
from metrics.plan import Plan
from streams.alerts.message import AlertMessage
from streams.contributors import EntitiesPage
from streams.messages import ProgressMessage, ReadingMessage
from streams.publish.mirror import ChangesMessage
from streams.schemas.asyncapi import asyncapi_document
from streams.schemas.event_schemas import event_schema
from streams.schemas.message_schemas import dead_letter_schema, message_schema
from streams.schemas.openapi import openapi_document

FOLDER = "docs/schemas"
MESSAGES: Mapping[str, type[Struct]] = {
    "reading": ReadingMessage,
    "progress": ProgressMessage,
    "changes": ChangesMessage,
    "entities": EntitiesPage,
    "alert": AlertMessage,
}
"""The messages that have a file of their own."""


def schema_files(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (path below the root, content) of each file; the same declarations give the same text."""
    for key, source in plan.declarations.sources.items():
        yield _file(f"events/{key}", event_schema(plan, source))
    for name, message in MESSAGES.items():
        yield _file(name, message_schema(message))
    yield _file("dead-letter", dead_letter_schema(list(plan.sources)))
    yield _file("asyncapi", asyncapi_document(plan, settings))
    yield _file("openapi", openapi_document(plan))


def _file(name: str, document: dict[str, Any]) -> tuple[str, str]:
    return f"{FOLDER}/{name}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n"
