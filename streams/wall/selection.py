"""What a person has chosen to see: a period, a team, and a language."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from metrics.calendar import Window
from streams.titles import WINDOW_ORDER
from streams.wall.words import LANGUAGES, Language, preferred_language

DEFAULT_WINDOW = "mtd"
_LONGEST_NAME = 200
_KINDS = (
    ("1h", "24h", "7d", "30d", "90d", "365d"),
    ("dtd", "wtd", "mtd", "qtd", "ytd"),
    ("prev_day", "prev_week", "prev_month", "prev_quarter"),
)
_DAYS = {
    "1h": 1 / 24, "24h": 1.0, "7d": 7.0, "30d": 30.0, "90d": 90.0, "365d": 365.0,
    "dtd": 1.0, "wtd": 7.0, "mtd": 30.0, "qtd": 91.0, "ytd": 365.0,
    "prev_day": 1.0, "prev_week": 7.0, "prev_month": 30.0, "prev_quarter": 91.0,
}  # fmt: skip


class Selection(NamedTuple):
    """What is shown.

    Attributes:
        window: the token of the period.
        team: the team; none is all of them.
        language: the language of the page.
        kiosk: whether the page is on a screen that nobody operates.
    """

    window: str
    team: str
    language: Language
    kiosk: bool = False

    def query(self, **others: str) -> str:
        """Return the selection as a query string, with other parameters after it."""
        chosen = {"window": self.window, "team": self.team, "lang": self.language, "kiosk": "1" if self.kiosk else ""}
        return urlencode({name: value for name, value in {**chosen, **others}.items() if value})


def selection(query: Mapping[str, str], accepted: str, windows: Iterable[str]) -> Selection:
    """Return what `query` chooses; what it does not choose, or cannot, is left to defaults.

    Args:
        query: the parameters of a request.
        accepted: its `Accept-Language`, which counts when no language is chosen.
        windows: the tokens that can be chosen.
    """
    offered = list(windows)
    first = DEFAULT_WINDOW if DEFAULT_WINDOW in offered or not offered else offered[0]
    chosen = query.get("window", "")
    spoken = query.get("lang", "")
    language = next((known for known in LANGUAGES if known == spoken), None)
    return Selection(
        window=chosen if chosen in offered else first,
        team=query.get("team", "")[:_LONGEST_NAME],
        language=preferred_language(accepted) if language is None else language,
        kiosk=query.get("kiosk", "") not in {"", "0"},
    )


def nearest_window(wanted: str, windows: Iterable[Window]) -> Window:
    """Return `wanted` if it is among `windows`, else the one of the same kind, else of any, that is nearest in length.

    Kinds are the rolling ones, those to date, and the complete ones; of two that are as near, the shorter is taken.
    """
    there = {window.token: window for window in windows}
    if wanted in there:
        return there[wanted]
    periods = [token for token in WINDOW_ORDER if token in there]
    same = next((kind for kind in _KINDS if wanted in kind), ())
    among = [token for token in periods if token in same] or periods
    if not among:
        return next(iter(there.values()))
    return there[min(among, key=lambda token: (_apart(token, wanted), _DAYS[token]))]


def _apart(token: str, other: str) -> float:
    """Return how many times one window is as long as the other, at least 1."""
    lengths = _DAYS[token], _DAYS.get(other, _DAYS[DEFAULT_WINDOW])
    return max(lengths) / min(lengths)
