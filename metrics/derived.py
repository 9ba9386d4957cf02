"""What the derived fields of entities are, as plain functions of fields and children (KPIS 1.4).

The functions that look at T return, beside the value, the instant at which it may change by itself: the least of that
and of `change`, the one known so far.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

from metrics.entities import Child

NEVER = 2**62
SCALE = 10**9
"""Decimal numbers are whole in billionths."""
_MEMO_SIZE = 10_000
_MONTHS = {"day": (365, 12), "week": (52, 12), "month": (1, 1), "quarter": (1, 3), "year": (1, 12)}
"""How many months' worth of an interval's amount falls into one month, as a fraction (KPIS A22)."""

Children = Mapping[str, Mapping[str, Child]] | None


class Exit(NamedTuple):
    """The exit from a stage."""

    stage: str
    at: int
    forward: bool


class Phase(NamedTuple):
    """What a contract brings in a month, in minor units, in (from, to]."""

    from_: int
    to: int | None
    amount_minor: int
    currency: str


class Ratios(dict[str | float, tuple[int, int]]):
    """Decimals as exact fractions, by their value as decoded; there are few different ones."""

    def __missing__(self, value: str | float) -> tuple[int, int]:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        ratio = self[value] = Decimal(str(value)).as_integer_ratio()
        return ratio


class Scaled(dict[str | float, int]):
    """Decimals in whole billionths, rounded half-even, by their value as decoded."""

    def __missing__(self, value: str | float) -> int:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        scaled = self[value] = int((Decimal(str(value)) * SCALE).to_integral_value(ROUND_HALF_EVEN))
        return scaled


def round_half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half-even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def carried(children: Children, relation: str) -> Iterable[tuple[str, Any]]:
    """Yield (child id, what it carries) of the children that count."""
    if children:
        for child, (_, told) in children.get(relation, {}).items():
            if told is not None:
                yield child, told


def instant_in(told: Any) -> int:
    """Return the instant that a child carries: alone, or before other fields."""
    at: int = told if isinstance(told, int) else told[0]
    return at


def least(
    children: Children, relations: Sequence[str], own: Sequence[int | None], not_before: int, now: int, change: int
) -> tuple[int | None, int]:
    """Return the least of the own and the carried instants in [not_before, now), and the next change."""
    best: int | None = None
    found = list(own)
    for relation in relations:
        found += [instant_in(told) for _, told in carried(children, relation)]
    for instant in found:
        if instant is None or instant < not_before:
            continue
        if instant >= now:
            change = min(change, instant + 1)
        elif best is None or instant < best:
            best = instant
    return best, change


def first_over(children: Children, relation: str, position: int, now: int, change: int) -> tuple[Any, int]:
    """Return what the earliest child before T carries at `position`, and the next change; of a tie the least id."""
    best: tuple[int, str, Any] | None = None
    for child, told in carried(children, relation):
        if told[0] >= now:
            change = min(change, told[0] + 1)
        elif best is None or (told[0], child) < best[:2]:
            best = told[0], child, told[position]
    return (None if best is None else best[2]), change


def stage_exits(
    entered: Mapping[str, int | None] | None, order: Mapping[str, int] | None, status: str, closed_at: int | None
) -> tuple[Exit, ...]:
    """Return a deal's exits from the stages of its pipeline, whose `order` is given (KPIS A10)."""
    if not entered or not order or status == "cancelled":
        return ()
    entries = {s: at for s, at in entered.items() if at is not None and s in order}
    last = max(entries, key=lambda s: (entries[s], order[s]), default=None)
    exits = []
    for stage, at in entries.items():
        onwards = [e for s, e in entries.items() if order[s] > order[stage] and e > at]
        if status == "won" and closed_at is not None and closed_at >= at:
            onwards.append(closed_at)
        if onwards:
            exits.append(Exit(stage, min(onwards), forward=True))
        elif status == "lost" and closed_at is not None and stage == last:
            exits.append(Exit(stage, closed_at, forward=False))
    return tuple(exits)


def per_month(phases: Iterable[Any] | None, ended_at: int | None) -> tuple[Phase, ...]:
    """Return the paid phases with their amounts for a month, none going on after `ended_at`."""
    return tuple(
        Phase(
            p.from_,
            p.to if ended_at is None else ended_at if p.to is None else min(p.to, ended_at),
            round_half_even(p.amount_minor * _MONTHS[p.interval][0], _MONTHS[p.interval][1] * p.interval_count),
            p.currency,
        )
        for p in phases or ()
        if p.amount_minor > 0
    )


def compares(left: int | None, right: int | None, numerator: int, denominator: int, *, at_least: bool) -> bool:
    """Return whether left >= right x numerator / denominator (or <=); False while a side is not there."""
    if left is None or right is None:
        return False
    a, b = left * denominator, right * numerator
    return a >= b if at_least else a <= b
