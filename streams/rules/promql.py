"""Pieces of PromQL, and of the templates of annotations."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

REPLICA_LABELS = ("instance", "job")
"""What tells apart the serving processes that all expose the same readings."""


def quoted(text: str) -> str:
    """Return a string as PromQL, and the templates of annotations, write it."""
    return json.dumps(text, ensure_ascii=False)


def literal(text: str) -> str:
    """Return a text so that Prometheus does not read it as a template."""
    return text.replace("{{", '{{ "{{" }}')


def selector(name: str, labels: Mapping[str, str]) -> str:
    """Return the selector of the series of `name` with these label values."""
    if not labels:
        return name
    return f"{name}{{{', '.join(f'{label}={quoted(value)}' for label, value in labels.items())}}}"


def once(series: str, also: Iterable[str] = ()) -> str:
    """Return `series` once, however many processes expose it, without these other labels."""
    return f"max without ({', '.join((*REPLICA_LABELS, *also))}) ({series})"


def on(labels: Iterable[str]) -> str:
    """Return the clause that pairs the two sides of an operator by `labels`."""
    return f"on ({', '.join(labels)})"


def number(value: Decimal) -> str:
    """Return a number without an exponent and without zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
