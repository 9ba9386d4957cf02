"""A simulated organisation up to the present, and on from there, for which the last day is a working day."""

from datetime import datetime
from zoneinfo import ZoneInfo

from grafana.render.moved import DAY_MS, moved
from streams.envelope import Event
from streams.simulate.organisation import Organisation

_MONDAY, _FRIDAY = 0, 4


class Life:
    """An organisation whose week is moved by whole days, because pictures made on a Sunday would show nothing move."""

    def __init__(self, now: int, zone: ZoneInfo, seed: int, days: int = 75) -> None:
        """Simulate its past of so many days up to `now` (milliseconds since the epoch)."""
        self.now = now
        weekday = datetime.fromtimestamp(now / 1000, zone).weekday()
        self._days = (weekday - _FRIDAY) % 7 if weekday == _MONDAY or weekday > _FRIDAY else 0
        self._organisation = Organisation(seed, now - self._days * DAY_MS, zone)
        self.events = [moved(event, self._days) for event in self._organisation.history(days)]
        """All that has arrived by then, in order."""

    def go_on(self, now: int) -> list[Event]:
        """Return what has arrived since."""
        return [moved(event, self._days) for event in self._organisation.advance(now - self._days * DAY_MS)]
