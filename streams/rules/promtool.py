"""The parts of a unit test of rules, as promtool reads them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.rules.promql import selector

Test = dict[str, Any]


def input_series(name: str, labels: Mapping[str, str], values: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Return a series of samples: each value so many times, or as promtool spells it once."""
    return {"series": selector(name, labels), "values": " ".join(_times(value, n) for value, n in values if n > 0)}


def _times(value: str, n: int) -> str:
    return value if n == 1 else f"{value}x{n - 1}"  # promtool counts what follows the first


def alerts_at(seconds: int, name: str, firing: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = ()) -> Test:
    """Return that exactly these (labels, annotations) of alert `name` fire after so many seconds."""
    expected = [{"exp_labels": dict(labels), "exp_annotations": dict(said)} for labels, said in firing]
    return {"eval_time": f"{seconds}s", "alertname": name, "exp_alerts": expected}


def series_at(seconds: int, expression: str, samples: Iterable[tuple[str, float]]) -> Test:
    """Return that an expression gives exactly these (series, value) after so many seconds."""
    expected = [{"labels": series, "value": value} for series, value in samples]
    return {"eval_time": f"{seconds}s", "expr": expression, "exp_samples": expected}
