"""What becomes of an alert while the value of one row goes bad and comes back: the values, and when it must fire."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from metrics.thresholds import Threshold
from streams.rules.kpi_alert import KpiAlert
from streams.rules.promql import number
from streams.rules.spans import span_seconds

STEP_SECONDS = 240
"""From one evaluation to the next. A rule sees samples of the last five minutes only, so no step may be as long."""
_HELD = 3
"""Steps for which each state is held once it is certain."""


@dataclass(frozen=True, slots=True)
class Story:
    """The alert `of` and the values of `row`.

    ::

        value  bad for a moment | at `fires` |  bad                     | hovering | at `clears`            | hovering
        alert  pending          | no alert   |  pending, after F firing | firing   | firing, ended after K  | no alert
        from   0                  at_level_at   bad_at        fires_at    hovers_at  good_at      ends_at     … steps

    with F the steps of `for` and K those of `keep_firing_for`, each rounded up. Without `for` there is no moment that
    is too short, and without a gap between the levels nothing hovers while the alert fires.
    """

    of: KpiAlert
    row: Mapping[str, str]

    @property
    def threshold(self) -> Threshold:
        """Where the alert fires and ends for this row."""
        return self.of.threshold(self.row)

    @property
    def bad(self) -> Decimal:
        """A value that fires the alert."""
        fires = self.threshold.fires
        distance = abs(fires) / 4 or Decimal(1)
        return fires - distance if self.of.below else fires + distance

    @property
    def hovering(self) -> Decimal:
        """A value that neither fires the alert nor ends it, as far as there is one."""
        return (self.threshold.fires + self.threshold.clears) / 2

    @property
    def hovers(self) -> bool:
        """Whether there is a gap between the two levels."""
        return self.threshold.fires != self.threshold.clears

    @property
    def for_steps(self) -> int:
        """After how many steps the alert fires."""
        return _steps(self.of.alert.for_)

    @property
    def keep_steps(self) -> int:
        """After how many good steps it ends."""
        return _steps(self.of.alert.keep_firing_for)

    @property
    def at_level_at(self) -> int:
        """The first step at which the value is at the level, after having been bad for less than `for`."""
        return min(self.for_steps, _HELD)

    @property
    def bad_at(self) -> int:
        """The first step at which it is bad for good."""
        return self.at_level_at + _HELD

    @property
    def fires_at(self) -> int:
        """The first step at which the alert fires."""
        return self.bad_at + self.for_steps

    @property
    def hovers_at(self) -> int:
        """The first step at which the value is between the levels."""
        return self.fires_at + _HELD

    @property
    def good_at(self) -> int:
        """The first step at which it is back at the level that ends the alert.

        Only from here on `keep_firing_for` runs, so that an alert that hovering had ended would be over too early.
        """
        return self.hovers_at + (_HELD if self.hovers else 0)

    @property
    def ends_at(self) -> int:
        """The first step at which the alert fires no longer."""
        return self.good_at + self.keep_steps

    @property
    def steps(self) -> int:
        """The last step."""
        return self.ends_at + 2 * _HELD

    @property
    def turns(self) -> set[int]:
        """The steps at which something must be as it is, and not otherwise: last and first ones of states."""
        return {self.bad_at - 1, self.fires_at - 1, self.fires_at, self.good_at - 1, self.ends_at - 1, self.ends_at}

    def told_at(self, step: int) -> Decimal | None:
        """Return the value that the alert tells at a step, the last that kept it active; None while it is silent."""
        if not self.fires_at <= step < self.ends_at:
            return None
        return self.hovering if step >= self.hovers_at and self.hovers else self.bad

    def values(self) -> list[tuple[str, int]]:
        """Return the values, with how many steps each lasts."""
        return [
            (number(self.bad), self.at_level_at),
            (number(self.threshold.fires), self.bad_at - self.at_level_at),
            (number(self.bad), self.hovers_at - self.bad_at),
            (number(self.hovering), self.good_at - self.hovers_at),
            (number(self.threshold.clears), self.ends_at + _HELD - self.good_at),
            (number(self.hovering), _HELD + 1),
        ]


def _steps(span: str) -> int:
    return ceil(span_seconds(span) / STEP_SECONDS)
