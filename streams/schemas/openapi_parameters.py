"""The parameters of the OpenAPI document, with the values that are declared."""

from typing import Any

from metrics.contributors import DEFAULT_LIMIT, MOST
from metrics.plan import Plan
from streams.schemas.forms import INSTANT, WINDOWS, JsonSchema


def reference(name: str) -> dict[str, str]:
    """Return a reference to a parameter."""
    return {"$ref": f"#/components/parameters/{name}"}


def declared_parameters(plan: Plan) -> dict[str, Any]:
    """Return the parameters by name."""
    kpis: JsonSchema = {"type": "string", "enum": list(plan.declarations.kpis)}
    windows: JsonSchema = {"type": "string", "enum": _windows(plan)}
    return {**_filters(plan, kpis, windows), **_of_entities(plan, kpis, windows)}


def _filters(plan: Plan, kpis: JsonSchema, windows: JsonSchema) -> dict[str, Any]:
    return {
        "kpi": _several("kpi", "Only these KPIs; several by repeating it, or with commas.", kpis),
        "window": _several("window", "Only these windows; several by repeating it, or with commas.", windows),
        "by": _several(
            "by",
            "Only readings by exactly these dimensions, with commas in any order; the empty text is the total. Repeat"
            " it for several breakdowns.",
            {"type": "string", "enum": _grains(plan)},
        ),
        "where": _several(
            "where",
            "Only readings by this dimension, for this value: `team:noord`. Repeat it for more dimensions, and for more"
            " values of one.",
            {"type": "string", "pattern": f"^({'|'.join(_dimensions(plan))}):"},
        ),
        "as_of": _query(
            "as_of",
            "An instant of the past: the readings as of then, from all that is known today. Windows of days and longer"
            " are known as of the midnights of the business time zone, `1h` and `24h` as of whole minutes. What is not"
            " kept is left out; if that is all that was asked for, the answer is 400 and says why.",
            INSTANT,
        ),
        "last_event_id": {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The `id` of the last event that was received, to resume after it.",
            "schema": {"type": "string"},
        },
    }


def _of_entities(plan: Plan, kpis: JsonSchema, windows: JsonSchema) -> dict[str, Any]:
    aggs = dict.fromkeys(series.agg for series in plan.series if series.agg is not None)
    return {
        "of_kpi": {"name": "kpi", "in": "path", "required": True, "description": "The KPI.", "schema": kpis},
        "agg": _query(
            "agg",
            "The aggregate; needed for KPIs that have several, refused for others.",
            {"type": "string", "enum": list(aggs)},
        ),
        "window_of_one": _query("window", "The window; needed unless the series has only one.", windows),
        "limit": _query(
            "limit",
            "How many entities at most.",
            {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
        ),
        "before": _query("before", "The `next` of the page before, to get the one after it.", {"type": "string"}),
    }


def _query(name: str, description: str, schema: JsonSchema) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _several(name: str, description: str, item: JsonSchema) -> dict[str, Any]:
    several = {"type": "array", "items": item}
    return {**_query(name, description, several), "style": "form", "explode": True}


def _windows(plan: Plan) -> list[str]:
    """Return the windows that are declared, in the order of the language."""
    used = {window.token for series in plan.series for window in series.windows}
    return [token for token in WINDOWS if token in used]


def _grains(plan: Plan) -> list[str]:
    return list(dict.fromkeys(",".join(series.grain) for series in plan.series))


def _dimensions(plan: Plan) -> list[str]:
    return list(dict.fromkeys(name for series in plan.series for name in series.grain))
