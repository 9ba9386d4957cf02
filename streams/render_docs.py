"""The reference of all KPIs as one Markdown page."""

from collections.abc import Iterable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from metrics.plan import Plan
from streams.absence import REASON_WORDS
from streams.reference import references
from streams.titles import WINDOW_ORDER, window_words
from streams.wording import alert_words, listed, target_words


def kpi_reference(plan: Plan) -> str:
    """Return the page; the same declarations give the same text."""
    used = {window.token for series in plan.series for window in series.windows}
    windows = {token: window_words(token) for token in ("now", *WINDOW_ORDER) if token in used}
    template = _environment().get_template("kpis.md")
    page = template.render(
        groups=references(plan),
        windows=windows,
        reasons=REASON_WORDS,
        currency=plan.currency,
        rates=plan.declarations.defaults.fx.source,
        limit=plan.declarations.defaults.dimension_limit,
        limits=plan.declarations.defaults.dimension_limits.items(),
    )
    return page.rstrip() + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("streams", "templates"),
        autoescape=False,  # noqa: S701 - Markdown from declarations, and no HTML from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=_cell, code=_code, listed=listed, alert=alert_words, target=target_words)
    return environment


def _cell(text: str) -> str:
    """Return a text that cannot end a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _code(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]
