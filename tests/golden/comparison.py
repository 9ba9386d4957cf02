"""The two golden examples as expectations: what every KPI must be at three as-of times each.

`expected.json` gives money in major units and the sides of its ratios in minor units; a `Result` is in minor units
throughout.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from config.declarations import Declarations, Kpi, Measure, State
from config.load import load
from metrics.calendar import parse_instant
from metrics.evaluate import Result
from metrics.plan import Plan, compile_plan
from metrics.view import Reading, View

HERE = Path(__file__).parent
ZONE, CURRENCY = "Europe/Amsterdam", "EUR"
_RATIO_TOLERANCE, _QUANTILE_TOLERANCE = Fraction(1, 10**9), Fraction(1, 100)
_PRINTED = Fraction(1, 2 * 10**6)
"""How far a side of a ratio may lie from its six printed decimals."""


@dataclass(frozen=True)
class Example:
    """A folder with events, what is expected of them, and what is configured otherwise than as shipped."""

    name: str
    folder: Path

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue.yaml"


FIRST, SECOND = Example("first", HERE), Example("second", HERE / "second")


class ResultLike(Protocol):
    """What a reading must tell: `metrics.evaluate.Result`, or whatever was read back from a topic."""

    @property
    def value(self) -> Fraction | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def numerator(self) -> Fraction | None: ...
    @property
    def denominator(self) -> Fraction | None: ...
    @property
    def samples(self) -> int | None: ...


@dataclass
class Comparison:
    """How many values, sides and sample counts were compared, and every difference."""

    values: int = 0
    sides: int = 0
    samples: int = 0
    differences: list[str] = field(default_factory=list)


def golden_declarations(example: Example = FIRST) -> Declarations:
    return load([example.catalogue])


def golden_plan(example: Example = FIRST) -> Plan:
    return compile_plan(golden_declarations(example), ZONE, CURRENCY)


def golden_expectations(example: Example = FIRST) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the expected values by as-of time (RFC 3339) and series key."""
    content: dict[str, Any] = json.loads((example.folder / "expected.json").read_text("utf-8"))
    expected: dict[str, dict[str, dict[str, Any]]] = content["as_of"]
    return expected


def golden_events(sources: Mapping[str, object], example: Example = FIRST) -> list[tuple[int, dict[str, Any]]]:
    """Return (arrival in ms, event) in arrival order, of the declared sources."""
    lines = (example.folder / "events.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines if line]
    return [(parse_instant(e.pop("arrived_at")), e) for e in events if e["type"] in sources]


def series_key(kpi: str, agg: str | None, window: str, dimensions: Mapping[str, str]) -> str:
    """Return how `expected.json` spells a series: ``revenue|mtd|team=noord``, ``lead_response_time_p50|30d``."""
    name = kpi if agg is None else f"{kpi}_{agg}"
    return "|".join([name, window, *(f"{k}={v}" for k, v in sorted(dimensions.items()))])


def results_of(view: View) -> dict[str, Result]:
    """Return the readings of a view's last tick by series key."""
    return {_key_of(reading): reading.result for reading in view.all_readings()}


def _key_of(reading: Reading) -> str:
    series = reading.series
    dimensions = dict(zip(series.grain, reading.dims, strict=True))
    return series_key(series.kpi.key, series.agg, reading.window.token, dimensions)


def compare(
    actual: Mapping[str, ResultLike], as_of: str, declarations: Declarations, example: Example = FIRST
) -> Comparison:
    """Compare `actual`, by series key, with all that is expected at `as_of`, of KPIs that are not declared as well."""
    kpis = dict(_series_names(declarations))
    found = Comparison()
    for key, expected in golden_expectations(example)[as_of].items():
        name = key.partition("|")[0]
        found.values += 1
        if name in kpis and key in actual:
            found.differences += _differences(key, *kpis[name], expected, actual[key], found)
        else:
            found.differences.append(f"{key}: expected {expected['value']}, there is no such series")
    return found


def _series_names(declarations: Declarations) -> Iterator[tuple[str, tuple[Kpi, str | None]]]:
    for kpi in declarations.kpis.values():
        aggs = kpi.aggs if isinstance(kpi, Measure | State) else ()
        for agg in aggs if len(aggs) > 1 else (None,):
            yield kpi.key if agg is None else f"{kpi.key}_{agg}", (kpi, agg)


def _differences(
    key: str, kpi: Kpi, agg: str | None, expected: Mapping[str, Any], actual: ResultLike, found: Comparison
) -> Iterator[str]:
    if actual.value is None or expected["value"] is None:
        if (actual.value, actual.reason) != (expected["value"], expected.get("reason")):
            yield f"{key}: expected {dict(expected)}, got {actual}"
        return
    if not _is_close(kpi, agg, Fraction(expected["value"]), actual.value):
        yield f"{key}: expected {expected['value']}, got {float(actual.value)}"
    for name, side in (("num", actual.numerator), ("den", actual.denominator)):
        if name in expected and side is not None:
            found.sides += 1
            if abs(Fraction(expected[name]) - side) > _PRINTED:
                yield f"{key}: expected {name} {expected[name]}, got {float(side)}"
    if "samples" in expected:
        found.samples += 1
        if int(expected["samples"]) != actual.samples:
            yield f"{key}: expected {expected['samples']} samples, got {actual.samples}"


def _is_close(kpi: Kpi, agg: str | None, expected: Fraction, actual: Fraction) -> bool:
    """Compare exactly what is a sum, a count or a gauge; money after its one rounding, half-even to the minor unit."""
    if kpi.unit == "money":
        expected *= 100
        if isinstance(kpi, Measure | State):
            return expected == round(actual)
    exact = isinstance(kpi, Measure | State) and agg is None
    tolerance = _QUANTILE_TOLERANCE if agg is not None and agg.startswith("p") else _RATIO_TOLERANCE
    return abs(expected - actual) <= (0 if exact else tolerance * abs(expected))
