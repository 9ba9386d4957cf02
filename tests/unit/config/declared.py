"""Sound declarations that the tests break one by one, on top of a small shop, and what is then said of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from config.load import DeclarationFaults, load

HERE = Path(__file__).parent
SHOP = HERE / "shop.yaml"

_COMMON = {"title": "{en: X, nl: X}", "group": "sales", "unit": "none", "grains": "[[]]"}
_PERIOD = {**_COMMON, "windows": "[30d]"}
_MEASURE = {"type": "measure", **_PERIOD, "from": "deal", "at": "closed_at", "agg": "count"}
_STATE = {"type": "state", **_COMMON, "from": "deal", "agg": "count"}
_CONVERSION = {"type": "conversion", **_PERIOD, "unit": "ratio"}
KPIS: Mapping[str, Mapping[str, str]] = {
    "measure": _MEASURE,
    "money": {**_MEASURE, "agg": "sum", "unit": "money", "value": "{money: lines.amount_minor}"},
    "seconds": {
        **_MEASURE, "agg": "mean", "unit": "seconds", "value": "{duration: {from: created_at, to: closed_at}}",
    },
    "number": {
        **_MEASURE, "from": "measurement", "at": "on_date", "agg": "sum", "value": "{number: values.number}",
    },
    "per": {
        **_MEASURE, "from": "measurement", "at": "on_date", "agg": "mean", "unit": "money",
        "value": "{money: values.worth_minor}", "per": "location", "then": "sum",
    },
    "state": _STATE,
    "age": {**_STATE, "agg": "max", "unit": "seconds", "value": "{age_of: created_at}"},
    "latest": {
        **_STATE, "from": "measurement", "agg": "latest", "value": "{latest: values.number, dated: on_date}",
        "grains": "[[region]]",
    },
    "named": {
        **_STATE, "from": "measurement", "grains": "[[series]]",
        "named": "{dimension: series, prefix: local, values: {a: {title: {en: A, nl: A}}}}",
    },
    "active": {**_STATE, "from": "customer", "active": "customer_active"},
    "ratio": {
        "type": "ratio", **_PERIOD, "unit": "ratio", "numerator": "{kpi: won}",
        "denominator": "{measure: {from: deal, at: created_at}}",
    },
    "derived": {
        "type": "derived", **_PERIOD, "unit": "money", "windows": "[mtd]",
        "inputs": "{a: {kpi: revenue}, b: {kpi: won}}", "expr": "a / b",
    },
    "conversion": {
        **_CONVERSION, "within": "14d", "cohort": "matured", "base": "{from: lead, at: created_at}",
        "event": "{field: first_win_at}",
    },
    "resolved": {
        **_CONVERSION, "cohort": "resolved", "base": "{from: lead, at: created_at}", "event": "{field: first_win_at}",
    },
    "exits": {
        **_CONVERSION, "cohort": "exits", "base": "{from: deal, at: exits.at}", "event": "{field: exits.forward}",
    },
    "membership": {
        "type": "membership", **_PERIOD, "unit": "ratio", "population": "customer_active", "output": "lost_ratio",
    },
    "share": {
        "type": "share", **_PERIOD, "windows": "[mtd]", "unit": "ratio", "members": "{population: rep_employed}",
        "actual": "{kpi: revenue, by: rep}", "plan": "{kind: quota, metric: revenue, scope: rep}",
    },
}  # fmt: skip
"""Declarations of a KPI, by what is particular about them."""

_PHASE = (
    "from: {type: timestamp, required: true}, to: {type: timestamp}, amount_minor: {type: money, required: true}, "
    "currency: {type: string, required: true}, interval: {type: enum, values: [month], required: true}, "
    "interval_count: {type: integer, required: true, minimum: 1}"
)
_FIELDS = {
    "sent_at": "{type: timestamp, required: true}",
    "seen_at": "{type: timestamp}",
    "due_on": "{type: date}",
    "sum_minor": "{type: money}",
    "count": "{type: integer}",
    "size": "{type: decimal}",
    "state": "{type: string}",
    "mood": "{type: enum, values: [good, bad]}",
    "stages": "{type: times}",
    "box": "{type: object, fields: {width: {type: integer}, label: {type: string}}}",
    "phases": f"{{type: list, fields: {{{_PHASE}}}}}",
}
QUOTE = {"topic": "quotes", "fields": f"{{{', '.join(f'{name}: {type_}' for name, type_ in _FIELDS.items())}}}"}
"""A declaration of a source."""


def written(section: str, key: str, lines: Mapping[str, str | None]) -> str:
    """Return the item `key` of a section; what is None is left out."""
    body = "".join(f"    {name}: {text}\n" for name, text in lines.items() if text is not None)
    return f"{section}:\n  - key: {key}\n{body}"


def kpi(base: str, /, **changes: str | None) -> str:
    """Return one of the KPIs with some lines changed; a name that Python keeps for itself ends with `_`."""
    return written("kpis", "x", {**KPIS[base], **{name.rstrip("_"): text for name, text in changes.items()}})


def source(**changes: str | None) -> str:
    """Return the source `quote` with some lines changed."""
    return written("sources", "quote", {**QUOTE, **changes})


def faults_of(folder: Path, *texts: str, shop: bool = True, groups_off: Sequence[str] = ()) -> list[str]:
    """Load the texts, one layer each, and return the faults with the files' bare names."""
    paths = [SHOP] if shop else []
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    try:
        load(paths, shipped=False, groups_off=groups_off)
    except DeclarationFaults as found:
        return [str(fault).replace(f"{folder}/", "") for fault in found.faults]
    return []


def expect(folder: Path, marked: str, message: str, *, also: str = "", **how: Any) -> None:
    """Load a text with one mark and expect one fault, there, and at most one that says `also`."""
    before = marked[: marked.index("§")]
    place = f"0.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = [f for f in faults_of(folder, marked.replace("§", ""), **how) if not also or not f.endswith(also)]
    assert found == [f"{place}: {message}"], found


def cases(name: str) -> Iterator[dict[str, Any]]:
    """Yield the cases of one file: what is changed in a sound declaration, and what must then be said."""
    yield from YAML(typ="safe").load(HERE / "faults" / f"{name}.yaml")
