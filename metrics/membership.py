"""Populations: who is a member at both ends of each window, and when that changes by itself (KPIS A18).

A member is active at t while start < t <= end. Windows begin at a local midnight S and end at T, or at the local
midnight that ends their period. So an entity's rows change when T, or the midnight of a window, passes one of its
boundaries: the instants of those changes are its timers.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from metrics.calendar import BusinessCalendar, Window, bounds, first_day_beyond
from metrics.derived import Children, carried, instant_in

Interval = tuple[int, int | None]
"""(start, end], open without an end."""
_NOW = "now"
_HOURS = ("1h", "24h")


class Ends(NamedTuple):
    """The ends of one window as of T."""

    token: str
    start: int
    end: int


class Count(NamedTuple):
    """What an entity counts in one window: at its start and at its end."""

    token: str
    start: int
    end: int


class Weight(NamedTuple):
    """What an entity weighs in one window: at its start and at its end, in minor units, there by how many phases."""

    part: Any
    currency: str
    token: str
    start: int
    end: int
    phases: int


class MembershipWindows:
    """The windows for which a population is counted."""

    def __init__(self, tokens: Iterable[str], calendar: BusinessCalendar) -> None:
        """Take the tokens of the windows; `1h` and `24h` know their end only, which counts as their start too."""
        self._tokens = tuple(tokens)
        self._calendar = calendar
        self._as_of = -1
        self._ends: tuple[Ends, ...] = ()
        self._passes: dict[int, list[int]] = {}
        """By local day: when the ends of windows have passed all of it."""

    def ends(self, now: int) -> tuple[Ends, ...]:
        """Return the ends of all windows as of T."""
        if now != self._as_of:
            self._as_of = now
            self._ends = tuple(self._ends_of(token, now) for token in self._tokens)
        return self._ends

    def _ends_of(self, token: str, now: int) -> Ends:
        if token == _NOW or token in _HOURS:
            return Ends(token, now, now)
        found = bounds(Window(token), now, self._calendar)
        return Ends(token, found.start, found.end)

    def counts(
        self, intervals: Sequence[Interval], contacts: Sequence[int] | None, now: int, change: int
    ) -> tuple[list[Count], int]:
        """Return where an entity with these intervals counts, and the next change.

        With `contacts`, it counts at the end of a window only if one of them lies in it.
        """
        found = []
        for token, window_start, window_end in self.ends(now):
            start = end = 0
            for a, b in intervals:
                if a < window_start and (b is None or window_start <= b):
                    start = 1
                if a < window_end and (b is None or window_end <= b):
                    end = 1
            if end and contacts is not None and not any(window_start <= c < window_end for c in contacts):
                end = 0
            if start or end:
                found.append(Count(token, start, end))
        boundaries = {at for interval in intervals for at in interval if at is not None}
        return found, self.next_change(boundaries.union(contacts or ()), now, change)

    def weights(
        self, phases: Sequence[tuple[Any, Any]], now: int, change: int, *, by_part: bool
    ) -> tuple[list[Weight], int]:
        """Return what an entity weighs through `phases`, (part, phase) pairs, and the next change.

        A phase is (from, to, amount, currency). What is kept from start to end is judged for each currency, and
        `by_part` for each part too.
        """
        sums: dict[tuple[Any, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for ends in self.ends(now):
            for part, (begins, to, amount, currency) in phases:
                at = sums[part if by_part else None, currency, ends.token]
                if begins < ends.start and (to is None or ends.start <= to):
                    at[0] += amount
                if begins < ends.end and (to is None or ends.end <= to):
                    at[1] += amount
                    at[2] += 1
        boundaries = {at for _, phase in phases for at in phase[:2] if at is not None}
        found = [Weight(*key, *at) for key, at in sums.items() if any(at)]
        return found, self.next_change(boundaries, now, change)

    def next_change(self, boundaries: Iterable[int], now: int, change: int) -> int:
        """Return when an end of a window next passes one of the boundaries, at the latest `change`."""
        for boundary in boundaries:
            if boundary >= now:
                change = min(change, boundary + 1)
            day = self._calendar.day_of(boundary)
            passes = self._passes.get(day)
            if passes is None:
                passes = self._passes[day] = self._passes_of(day)
            position = bisect_right(passes, now)
            if position < len(passes):
                change = min(change, passes[position])
        return change

    def _passes_of(self, day: int) -> list[int]:
        """Return, in their order, the first instants as of which the ends of windows lie after all of a local day."""
        whole = [token for token in self._tokens if token != _NOW and token not in _HOURS]
        days = {first_day_beyond(token, day, end=False) for token in whole}
        days |= {first_day_beyond(token, day, end=True) for token in whole if token.startswith("prev_")}
        return sorted(self._calendar.day_start(d) + 1 for d in days)


def intervals_of(
    own: Sequence[tuple[int | None, int | None]],
    children: Children,
    rules: Sequence[tuple[Sequence[str], int | None, int | None]],
    until: int | None,
) -> list[Interval]:
    """Return when a member is active: its own intervals, else those of the first rule that gives any.

    A rule is (relations, position of the carried end, duration); `until` ends what began before it.
    """
    found: list[Interval] = [(a, b) for a, b in own if a is not None]
    for relations, ends, lasts in rules:
        if found:
            break
        for relation in relations:
            for _, told in carried(children, relation):
                begins = instant_in(told)
                found.append((begins, told[ends] if ends is not None else None if lasts is None else begins + lasts))
    if until is None:
        return found
    return [(a, b) if a >= until else (a, until if b is None else min(b, until)) for a, b in found]


def contacts_of(children: Children, relation: str) -> list[int]:
    """Return the instants that the children of one relation carry."""
    return [instant_in(told) for _, told in carried(children, relation)]


def phases_of(
    children: Children, relation: str, position: int, part: int | None
) -> list[tuple[Any, tuple[int, int | None, int, str]]]:
    """Return (part, phase) of each phase that the children carry; the part is another carried field."""
    return [
        (None if part is None else told[part], phase)
        for _, told in carried(children, relation)
        for phase in told[position] or ()
    ]
