"""Over which window a panel shows its values: the one that people choose on the dashboard, or one of its own."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from metrics.calendar import Window
from metrics.evaluate import NOW
from streams.titles import WINDOW_ORDER, window_words
from streams.wall.selection import nearest_window

_PREFERRED = "30d"
_CHOICE = 2
"""Fewer options are none."""


class Span(NamedTuple):
    """What a panel selects and says of its window.

    Attributes:
        token: the window; None where it is the one that people choose.
        matcher: the matcher of the label `window`; empty for stocks, which have no such label.
        words: the window in words; empty for stocks.
        moves: whether values move within a day; not if it is a complete period, or may be.
    """

    token: str | None
    matcher: str
    words: str
    moves: bool = True

    def after(self, title: str) -> str:
        """Return `title` with the window behind it."""
        return f"{title}, {self.words}" if self.words else title


def fixed(token: str) -> Span:
    """Return the span of one window."""
    if token == NOW.token:
        return Span(token, "", "")
    return Span(token, f'window="{token}"', window_words(token), moves=not is_complete(token))


class Windows(NamedTuple):
    """The windows that can be chosen on a dashboard; less than two are no choice.

    Attributes:
        default: the one to begin with.
        options: all of them, in their order.
    """

    default: str
    options: tuple[str, ...]

    @property
    def is_choice(self) -> bool:
        """Whether there is something to choose."""
        return len(self.options) >= _CHOICE

    def span(self, windows: Collection[str]) -> Span:
        """Return the span of a series that has `windows`: what is chosen if it has every option, else the nearest."""
        if self.is_choice and set(self.options) <= set(windows):
            return Span(None, 'window="$window"', "${window:text}", moves=not any(map(is_complete, self.options)))
        return fixed(nearest_window(self.default, [Window(token) for token in windows]).token)


def windows_of(series: Iterable[Collection[str]]) -> Windows:
    """Return the choice for series with these windows.

    Of the windows that leave something to choose, the one that most series have decides who follows the choice; the
    options are what all of those have, and the default is the one among them that most series have. Everywhere a
    running window comes before a complete one, and 30 days before others.
    """
    each = [set(windows) - {NOW.token} for windows in series]
    order = {token: place for place, token in enumerate(dict.fromkeys((_PREFERRED, *WINDOW_ORDER)))}

    def rank(token: str) -> tuple[bool, int, int]:
        return is_complete(token), -sum(token in windows for windows in each), order[token]

    shared = {token: _shared(token, each) for token in order}
    chosen = min(order, key=lambda token: (len(shared[token]) < _CHOICE, rank(token)))
    options = shared[chosen]
    return Windows(min(options, key=rank), tuple(token for token in WINDOW_ORDER if token in options))


def is_complete(token: str) -> bool:
    """Return whether a window is a complete period, such as the last month."""
    return token.startswith("prev_")


def _shared(token: str, each: list[set[str]]) -> set[str]:
    """Return the windows that all series have that have `token`."""
    followers = [windows for windows in each if token in windows]
    return set.intersection(*followers) if followers else {token}
