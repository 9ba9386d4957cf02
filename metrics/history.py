"""History: readings as of an earlier T, from the panes that a view keeps.

Their meaning is "as it is known today, as of then": the entities as they are now, at the rates and with the plans that
are known now. So only what panes tell exactly has a history; what is counted as it stands now has none.
"""

from typing import NamedTuple

from metrics.calendar import DAY, MINUTE, MINUTE_MS, STOCK, BusinessCalendar, Window, bounds, from_ms
from metrics.cells import Retention
from metrics.evaluate import Result
from metrics.plan import SeriesPlan
from metrics.view import View
from metrics.windows import Dims, RunningWindows

_MARKS_MS = {"1h": 5 * MINUTE_MS, "24h": 30 * MINUTE_MS}
"""How far apart the points of a trend over rolling hours lie; those over days lie a day apart."""


class NotKeptError(ValueError):
    """A reading as of an instant for which the panes do not tell it."""


class Past:
    """A view as of an earlier T.

    What is read from one Past shares its sums, so it is only right until the view takes another record.
    """

    def __init__(self, view: View, as_of: int) -> None:
        """Begin at `as_of` (ms since the epoch), with nothing summed."""
        self._view = view
        self._tables: dict[int, RunningWindows] = {}
        self._context = view.context(as_of, self._tables)

    def move(self, as_of: int) -> None:
        """Go on to another T: of what was read before, only the panes that come and go are summed."""
        self._context = self._view.context(as_of, self._tables)

    def read(self, index: int, window: Window) -> dict[Dims, Result]:
        """Return the results of the series at a position of the plan, for all rows that exist now.

        Raises:
            NotKeptError: the panes do not tell them.
        """
        if self._context.as_of == self._view.as_of:
            return dict(self._view.readings[index, window])
        series = self._view.plan.series[index]
        wrong = _Kept.of(self._view).refusal(series, window, self._context.as_of)
        if wrong is not None:
            raise NotKeptError(wrong)
        return self.results(series, window, self._view.rows(series))

    def results(self, series: SeriesPlan, window: Window, rows: set[Dims]) -> dict[Dims, Result]:
        """Return the results of some rows over a window that is known to be kept."""
        for table, read in series.node.reads(window):
            if table not in self._tables:
                self._tables[table] = self._view.apart(table)
            self._tables[table].open(read)
            self._tables[table].move(self._context.as_of)
        return dict(series.read(self._context, window, rows))


def read(view: View, index: int, window: Window, as_of: int) -> dict[Dims, Result]:
    """Return the results of the series at a position of the plan as of T, for all rows that exist now.

    Windows of days and longer are known as of the midnights of the business time zone, rolling hours as of whole
    minutes, and all as of the view's last tick.

    Raises:
        NotKeptError: the panes do not tell them.
    """
    return Past(view, as_of).read(index, window)


def compare(view: View, index: int, window: Window, dims: Dims) -> Result | None:
    """Return the result of a row over the comparison window as of the view's last tick (KPIS 0.3).

    There is none, None, of what is counted as it stands now, of a KPI that compares windows itself or reads one of its
    own, and where the comparison window is no longer kept.
    """
    series, before = view.plan.series[index], Window(window.token, previous=True)
    if dims not in view.readings[index, window] or view.as_of is None:
        return None
    reads = set(series.node.reads(window))
    if _reads_stock(view, series, window) or any(read != window for _, read in reads):
        return None
    if _Kept.of(view).too_old(before, view.as_of) is not None:
        return None
    return Past(view, view.as_of).results(series, before, {dims})[dims]


def trend(view: View, index: int, window: Window, dims: Dims, points: int = 30) -> list[Result]:
    """Return the results of a row as of the last `points` marks before the view's last tick, oldest first, and now's.

    Marks are local midnights; for `1h` every five minutes, and for `24h` every half-hour. Those before what is kept are
    left out; without any, as of what is counted as it stands now, there is no trend: an empty list.
    """
    series, now = view.plan.series[index], view.readings[index, window].get(dims)
    if now is None or view.as_of is None:
        return []
    kept, past = _Kept.of(view), Past(view, view.as_of)
    found = []
    for mark in _marks(window, view.as_of, points, view.plan.calendar):
        if kept.refusal(series, window, mark) is None:
            past.move(mark)
            found.append(past.results(series, window, {dims})[dims])
    return [*found, now] if found else []


def _marks(window: Window, as_of: int, points: int, calendar: BusinessCalendar) -> list[int]:
    """Return the last `points` marks before T, oldest first."""
    if window.tier == DAY:
        today = calendar.current_day(as_of)
        return [calendar.day_start(day) for day in range(today - points + 1, today + 1)]
    step = _MARKS_MS.get(window.token)
    if step is None:
        return []
    last = (as_of - 1) // step
    return [step * mark for mark in range(last - points + 1, last + 1)]


class _Kept(NamedTuple):
    """What a view keeps: the oldest pane of each tier."""

    view: View
    first: dict[str, int]

    @classmethod
    def of(cls, view: View) -> "_Kept":
        """Return what the shards keep; one may be a little ahead of the view, and have dropped more."""
        now = max([view.as_of or 0, *(progress.as_of for progress in view.progress.values())])
        return cls(view, Retention(view.plan.calendar, now, view.plan.minutes_kept_ms).first)

    def refusal(self, series: SeriesPlan, window: Window, as_of: int) -> str | None:
        """Return why the values of a series as of T are not known, None when they are."""
        if self.view.as_of is None:
            return "there are no readings yet; ask again after the first evaluation"
        if as_of > self.view.as_of:
            of_view = self._instant(self.view.as_of)
            return f"{self._instant(as_of)} is later than the newest readings; ask for {of_view} or before"
        if _reads_stock(self.view, series, window):
            return (
                f"kpi `{series.kpi.key}` over `{window.token}` is made of what is there now, and its state as of then"
                " is not kept; ask for it without a time"
            )
        for read in sorted({read for _, read in series.node.reads(window)}):
            wrong = self._between_panes(read, as_of) or self.too_old(read, as_of)
            if wrong is not None:
                return f"kpi `{series.kpi.key}` over `{window.token}`: {wrong}"
        return None

    def _between_panes(self, window: Window, as_of: int) -> str | None:
        """Return what is wrong with a T at which a pane of the window is under way."""
        calendar, at = self.view.plan.calendar, self._instant(as_of)
        if window.tier == MINUTE:
            if as_of % MINUTE_MS == 0:
                return None
            before = self._instant(as_of - as_of % MINUTE_MS)
            return f"hours are kept by whole minutes, and {at} is none; ask for {before}"
        midnight = calendar.day_start(calendar.day_of(as_of))
        if as_of == midnight:
            return None
        return f"days are kept as wholes, and {at} is no midnight; ask for {self._instant(midnight)}"

    def too_old(self, window: Window, as_of: int) -> str | None:
        """Return what is wrong with a T as of which the window reaches back beyond what is kept."""
        found, first = bounds(window, as_of, self.view.plan.calendar), self.first[window.tier]
        if found.panes.first >= first:
            return None
        oldest = first * MINUTE_MS if window.tier == MINUTE else self.view.plan.calendar.day_start(first)
        return (
            f"as of {self._instant(as_of)} it reaches back to {self._instant(found.start)}, and only what is from"
            f" {self._instant(oldest)} on is kept; ask for a later time or a shorter window"
        )

    def _instant(self, ms: int) -> str:
        return from_ms(ms).astimezone(self.view.plan.calendar.zone).isoformat()


def _reads_stock(view: View, series: SeriesPlan, window: Window) -> bool:
    return any(view.plan.cuboids[table].tier == STOCK for table, _ in series.node.reads(window))
