"""Run every expression of a dashboard on a real Prometheus, with its variables as Grafana would put them in."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import isfinite
from typing import Any

from tests.dashboard_rules import Json, targets_of, variables_in, variables_of

Get = Callable[..., Any]
"""Asks the API of a Prometheus: (path, **parameters) -> the decoded answer."""
Values = Mapping[str, str]

_SPAN_SECONDS, _STEP_SECONDS = 30, 5
_BUILT_IN = {"__rate_interval": "10s", "__range": "60s"}
_QUERY = re.compile(r"label_values\((?:(?P<selector>.+),\s*)?(?P<label>\w+)\)")
_MAY_BE_EMPTY = re.compile(r"\bALERTS\{")
_LABEL = re.compile(r"\{\{(\w+)\}\}")


class Asker:
    """Asks each question once."""

    def __init__(self, get: Get, at: float) -> None:
        """Ask it through `get`, as of the instant `at`."""
        self._get, self._at = get, at
        self._answers: dict[tuple[str, bool], Any] = {}

    @property
    def asked(self) -> int:
        """How many questions were asked."""
        return len(self._answers)

    def faults(self, dashboard: Json) -> list[str]:
        """Return what is wrong with the expressions of a dashboard."""
        return list(self._faults(dashboard))

    def _faults(self, dashboard: Json) -> Iterator[str]:
        for annotation in dashboard["annotations"]["list"]:
            answer = self._answer(annotation["expr"], instant=True)
            if answer["status"] != "success":
                yield f"annotation {annotation['name']}: {answer['error']}"
        choices = dict(self._choices(dashboard))
        yield from (f"variable {name}: its query finds nothing" for name, values in choices.items() if not values)
        for panel, target in targets_of(dashboard):
            used = [name for name in choices if name in variables_in(target["expr"])]
            for chosen in product(*(choices[name] for name in used)):
                for fault in self._target_faults(target, dict(zip(used, chosen, strict=True))):
                    yield f"{panel['title']} {dict(zip(used, chosen, strict=True))}: {fault}"

    def _choices(self, dashboard: Json) -> Iterator[tuple[str, list[str]]]:
        """Yield the values that each variable can have: all options of a choice, `all` of what a query finds."""
        for name, variable in variables_of(dashboard).items():
            if variable["type"] == "custom":
                yield name, [option["value"] for option in variable["options"]]
            elif variable["type"] == "query":
                yield name, self._found(variable)

    def _found(self, variable: Json) -> list[str]:
        query = _QUERY.fullmatch(variable["query"]["query"])
        assert query is not None, variable["query"]
        selector = {} if query["selector"] is None else {"match[]": _put_in(query["selector"], {"job": ".+"})}
        values = self._get(f"/api/v1/label/{query['label']}/values", **selector)["data"]
        return [variable["allValue"]] if values else []

    def _target_faults(self, target: Json, chosen: Values) -> Iterator[str]:
        try:
            expr = _put_in(target["expr"], {**_BUILT_IN, **chosen})
        except KeyError as missing:
            yield f"{missing} is not defined in {target['expr']}"
            return
        answer = self._answer(expr, instant=bool(target.get("instant")))
        if answer["status"] != "success":
            yield f"{answer['error']} in {expr}"
            return
        series = answer["data"]["result"]
        if not series and not _MAY_BE_EMPTY.search(expr):
            yield f"nothing from {expr}"
        samples = [float(value) for each in series for _, value in each.get("values", [each.get("value")])]
        if samples and not any(map(isfinite, samples)):
            yield f"no finite number from {expr}"
        for label in _LABEL.findall(target.get("legendFormat", "")):
            if any(label not in each["metric"] for each in series):
                yield f"no label {label} in what {expr} gives"

    def _answer(self, expr: str, *, instant: bool) -> Any:
        if (expr, instant) not in self._answers:
            self._answers[expr, instant] = self._ask(expr, instant=instant)
        return self._answers[expr, instant]

    def _ask(self, expr: str, *, instant: bool) -> Any:
        if instant:
            return self._get("/api/v1/query", query=expr, time=f"{self._at}")
        begin = self._at - _SPAN_SECONDS
        return self._get(
            "/api/v1/query_range", query=expr, start=f"{begin}", end=f"{self._at}", step=f"{_STEP_SECONDS}"
        )


def _put_in(text: str, values: Values) -> str:
    """Return `text` with values for its variables.

    Raises:
        KeyError: a variable has none.
    """
    for name in variables_in(text):
        text = re.sub(rf"\$(?:\{{{name}(?:[:.][\w:]+)?\}}|{name}\b)", lambda _, value=values[name]: value, text)  # type: ignore[misc]
    return text
