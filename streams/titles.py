"""How series and windows are headed."""

from metrics.plan import SeriesPlan

_PERIODS = {"d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year"}
WINDOW_ORDER = (
    "1h", "24h", "7d", "30d", "90d", "365d", "dtd", "wtd", "mtd", "qtd", "ytd",
    "prev_day", "prev_week", "prev_month", "prev_quarter",
)  # fmt: skip


def series_title(series: SeriesPlan) -> str:
    """Return the title of a series, with its aggregate where the KPI has several."""
    return series.kpi.title.en if series.agg is None else f"{series.kpi.title.en} ({series.agg})"


def window_title(token: str) -> str:
    """Return how a window is headed."""
    return token.replace("_", " ")


def window_words(token: str) -> str:
    """Return what a window's token stands for."""
    if token == "now":  # noqa: S105 - a window's token is no secret
        return "as it stands"
    if token.startswith("prev_"):
        return f"the last complete {token.removeprefix('prev_')}"
    if token.endswith("td"):
        return f"this {_PERIODS[token[0]]} so far" if token != "dtd" else "today so far"  # noqa: S105 - as above
    unit = {"h": "hours", "d": "days"}[token[-1]]
    return "the last hour" if token == "1h" else f"the last {token[:-1]} {unit}"  # noqa: S105 - as above
