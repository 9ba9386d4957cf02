"""The oracle itself: it gives the values of the worked example, which were derived by hand."""

from fractions import Fraction
from typing import NamedTuple

import pytest

from tests.golden.comparison import (
    CURRENCY,
    ZONE,
    Comparison,
    compare,
    golden_declarations,
    golden_events,
    golden_expectations,
    series_key,
)
from tests.properties.oracle import ms, recompute


class Shown(NamedTuple):
    """An answer as the comparison reads it; the oracle tells no sides."""

    value: Fraction | None
    reason: str | None
    samples: int | None
    numerator: None = None
    denominator: None = None


@pytest.mark.parametrize("as_of", golden_expectations())
def test_it_gives_the_worked_example(as_of: str) -> None:
    declarations = golden_declarations()
    now = ms(as_of) or 0
    events = [event for at, event in golden_events(declarations.sources) if at < now]
    found = recompute(events, now, ZONE, CURRENCY, declarations)
    actual = {
        series_key(kpi, agg, window, dict(zip(grain, dims, strict=True))): Shown(*answer)
        for (kpi, agg, grain, window, dims), answer in found.items()
    }
    compared = compare(actual, as_of, declarations)
    with_samples = [e for e in golden_expectations()[as_of].values() if "samples" in e]
    assert compared == Comparison(len(golden_expectations()[as_of]), 0, len(with_samples), [])
