"""The topics and the Redis channel as an AsyncAPI 3.0 document; what is on them is described by the files beside it."""

from typing import Any

from config.settings import Settings
from metrics.plan import Plan
from streams.schemas.examples import Examples
from streams.schemas.forms import CONTRACT_VERSION, FINGERPRINT, SERIES_KEY, JsonSchema
from streams.topic import Topic
from streams.topics import declared_topics, inputs_of

_ABOUT = """\
Events come in on one topic for each event type; readings go out on `{kpis}`, alerts on `{alerts}`, and refused events
on `{dead}`. The topics `{entities}`, `{cells}` and `{links}` are the inside of salespulse, and no contract: they may
change at any time.

Read our topics with `isolation.level=read_committed`: they are written in transactions. Objects may get new fields at
any time; clients must bear fields that they do not know."""
_KPIS = """\
The newest reading of every series. Compacted: whoever reads it from the beginning, keeps the newest record of each key
and drops a key whose value is null, has the table of all readings. Records of one key are in one partition and in
order, and their `revision` counts 1, 2, 3, … without a hole. The record with the key `progress` comes at least every
10 s and says up to where the table is true. A period that is over (`prev_month`) is corrected by a record with a higher
`revision` when late events change it."""
_ALERTS = """\
The newest state of every alert, by its fingerprint. Compacted: whoever reads it from the beginning and keeps the newest
record of each key knows which alerts fire. A record may come more than once, and then says the same again. With the
shipped configuration of Alertmanager an alert that fires is told again at least every 15 minutes: one whose record is
older is muted, or is over and its end was lost."""
_CHANGES = """\
Which readings changed: one message for each tick that changed any. The readings themselves are in the hashes
`{prefix}:readings:<kpi>[.<agg>]`, by fields like those that the message names, as JSON without `revision`; a field that
is not there any more is gone. The string `{prefix}:progress` holds the sign of life. Redis keeps no message for
those who do not listen: read the hashes when you begin to."""


def asyncapi_document(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Return the document for what `plan` declares and the names that `settings` give."""
    topics = {topic.name: topic for topic in declared_topics(settings, inputs_of(plan))}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "salespulse",
            "version": CONTRACT_VERSION,
            "description": _ABOUT.format(
                kpis=settings.kpis_topic,
                alerts=settings.alerts_topic,
                dead=settings.dead_letters_topic,
                entities=settings.entities_topic,
                cells=settings.cells_topic,
                links=settings.links_topic,
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": _server("kafka", "127.0.0.1:9092", "The brokers, `SALESPULSE_KAFKA`."),
            "redis": _server("redis", "127.0.0.1:6379", "Redis, `SALESPULSE_REDIS_URL`; optional."),
        },
        "channels": {**_inputs(plan, settings, topics), **_outputs(settings, topics)},
        "operations": _operations(plan),
        "components": {"messages": {**_event_messages(plan), **_sent_messages(Examples(plan))}},
    }


def _server(protocol: str, default: str, description: str) -> dict[str, Any]:
    variables = {"address": {"default": default, "description": "`host:port`"}}
    return {"host": "{address}", "protocol": protocol, "description": description, "variables": variables}


# ------------------------------------------------------------------------------------------------------------ channels


def _inputs(plan: Plan, settings: Settings, topics: dict[str, Topic]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for suffix in inputs_of(plan):
        sources = [key for key, source in plan.sources.items() if source.source.topic == suffix]
        about = f"Events of type {' or '.join(f'`{key}`' for key in sources)}; the key is the entity's id."
        found[suffix] = _topic(topics[settings.input_topic(suffix)], about, sources)
    return found


def _outputs(settings: Settings, topics: dict[str, Topic]) -> dict[str, Any]:
    dead = "The events that can never be applied, each with the reason; `salespulse` goes on without them."
    return {
        "kpis": _topic(topics[settings.kpis_topic], _KPIS, ["reading", "gone", "progress"]),
        "alerts": _topic(topics[settings.alerts_topic], _ALERTS, ["alert"]),
        "dead-letters": _topic(topics[settings.dead_letters_topic], dead, ["dead-letter"]),
        "changes": {
            "address": f"{settings.app_id}:changes",
            "description": _CHANGES.format(prefix=settings.app_id),
            "servers": [{"$ref": "#/servers/redis"}],
            "messages": _messages(["changes"]),
        },
    }


def _topic(topic: Topic, description: str, messages: list[str]) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": [topic.cleanup]}
    if "retention.ms" in topic.config:
        configuration["retention.ms"] = int(topic.config["retention.ms"])
    return {
        "address": topic.name,
        "description": description,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": _messages(messages),
        "bindings": {"kafka": {"topicConfiguration": configuration}},
    }


def _messages(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operations(plan: Plan) -> dict[str, Any]:
    sent = {
        "kpis": "Publish what changed, at most once a second.",
        "alerts": "Pass on what Alertmanager delivers.",
        "dead-letters": "Put aside what cannot be applied.",
        "changes": "Tell which readings changed.",
    }
    return {
        **{f"receive-{suffix}": _operation("receive", suffix) for suffix in inputs_of(plan)},
        **{f"send-{name}": {**_operation("send", name), "summary": summary} for name, summary in sent.items()},
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


# ------------------------------------------------------------------------------------------------------------ messages


def _event_messages(plan: Plan) -> dict[str, Any]:
    key: JsonSchema = {"type": "string", "description": "The `entity_id`.", "minLength": 1, "maxLength": 256}
    return {source: _message(f"An event of a {source}", f"events/{source}.json", key=key) for source in plan.sources}


def _sent_messages(examples: Examples) -> dict[str, Any]:
    series = {**SERIES_KEY, "description": f"KPI, window and dimension values, such as `{examples.key()}`."}
    revision: JsonSchema = {
        "type": "string",
        "pattern": "^[1-9][0-9]*$",
        "description": "The next revision of the key.",
    }
    reading = {"allOf": [{"$ref": "reading.json"}, {"required": ["revision"]}]}
    letter: JsonSchema = {"type": "string", "description": "`type/partition/offset` of the event."}
    return {
        "reading": _message("A reading that changed", reading, key=series, examples=[examples.reading(revision=3)]),
        "gone": {
            **_message("A series that is no more", {"type": "null"}, key=series),
            "headers": {"type": "object", "properties": {"revision": revision}, "required": ["revision"]},
        },
        "progress": _message(
            "A sign of life", "progress.json", key={"const": "progress"}, examples=[examples.progress()]
        ),
        "alert": _message(
            "The state of an alert",
            "alert.json",
            key=FINGERPRINT,
            examples=[examples.alert(), examples.alert(resolved=True)],
        ),
        "dead-letter": _message("A refused event", "dead-letter.json", key=letter),
        "changes": _message("Which readings changed", "changes.json", examples=[examples.changes()]),
    }


def _message(
    summary: str, payload: str | JsonSchema, *, key: JsonSchema | None = None, examples: list[Any] | None = None
) -> dict[str, Any]:
    return {
        "summary": summary,
        "payload": {"$ref": payload} if isinstance(payload, str) else payload,
        **({"bindings": {"kafka": {"key": key}}} if key else {}),
        **({"examples": [{"payload": example} for example in examples]} if examples else {}),
    }
