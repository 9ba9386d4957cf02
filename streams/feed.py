"""The feed: what changed at each of the last ticks, for everybody who passes it on.

Publishers and streams read it at their own pace. One that is slow gets the newest value of what changed since it last
looked, never a queue that grows; one that is too slow begins anew with all readings.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from secrets import token_hex

from metrics.view import Reading, View
from streams.messages import Messages, ReadingMessage

KEPT_READINGS = 50_000
"""So many changed readings are kept, in ticks as a whole; some tens of megabytes."""
KEPT_TICKS = 600
Updates = dict[str, ReadingMessage]
"""Messages by the key of their series; those of series that are no more are `gone`."""


class Change:
    """What one tick changed."""

    def __init__(self, number: int, as_of: int, readings: list[Reading], messages: Messages) -> None:
        """Keep what changed; messages are made when somebody asks for them."""
        self.number = number
        self.as_of = as_of
        self.size = len(readings)
        self._readings = readings
        self._messages = messages
        self._updates: Updates | None = None

    @property
    def updates(self) -> Updates:
        """The messages of what changed."""
        if self._updates is None:
            made = self._messages
            self._updates = {made.key(reading): made.message(reading, self.as_of) for reading in self._readings}
            self._readings = []
        return self._updates


class Feed:
    """The changes of the last ticks, and a bell that rings at each."""

    def __init__(self) -> None:
        """Begin before the first tick."""
        self.number = 0
        """The number of the last tick."""
        self.epoch = token_hex(4)
        """Tells these numbers from those of another process, or of the time before a start from the beginning."""
        self._changes: deque[Change] = deque()
        self._size = 0
        self._messages: Messages | None = None
        self._day: int | None = None
        self._bell = asyncio.Event()

    def tell(self, view: View, changed: list[Reading]) -> None:
        """Take what the tick that `view` just made has changed.

        On the first tick of a local day all readings are told: windows of days begin on another day then, which makes
        them other readings even where the values are the same.
        """
        as_of = view.as_of
        if as_of is None:
            return
        day = view.plan.calendar.current_day(as_of)
        if day != self._day:
            gone = [r for r in changed if r.result.value is None and r.result.reason is None]
            changed = [*gone, *view.all_readings()]
        self._day = day
        if self._messages is None:
            self._messages = Messages(view.plan)
        self.number += 1
        self._keep(Change(self.number, as_of, changed, self._messages))
        self._ring()

    def begin_anew(self) -> None:
        """Forget everything, because the view does: what was told before cannot be continued."""
        self.number, self.epoch, self._day = 0, token_hex(4), None
        self._changes.clear()
        self._size = 0
        self._ring()

    def _keep(self, change: Change) -> None:
        self._changes.append(change)
        self._size += change.size
        while len(self._changes) > KEPT_TICKS or (self._size > KEPT_READINGS and len(self._changes) > 1):
            self._size -= self._changes.popleft().size

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def wait(self, seconds: float, after: int | None = None) -> None:
        """Wait until there is another tick than number `after` (the present one by default), or the time is over."""
        if after is not None and after != self.number:
            return
        bell = self._bell
        with suppress(TimeoutError):  # not `wait_for`: Python 3.11's loses a cancellation that comes with the bell
            async with asyncio.timeout(seconds):
                await bell.wait()

    def since(self, number: int) -> Iterable[Change] | None:
        """Return the changes after tick `number`, the oldest first; None when they are no longer all kept."""
        if number == self.number:
            return []
        if not 0 < number < self.number or not self._changes or self._changes[0].number > number + 1:
            return None
        return [change for change in self._changes if change.number > number]


def merged(changes: Iterable[Change]) -> Updates:
    """Return the newest message of each series that any of `changes` holds."""
    updates: Updates = {}
    for change in changes:
        updates.update(change.updates)
    return updates
