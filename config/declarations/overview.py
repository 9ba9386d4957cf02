"""The model of the overview: which readings the first dashboard shows, and where on it."""

from collections.abc import Callable

from config.declarations.terms import Aggregate, Key, Model, WindowToken


class OverviewPart(Model):
    """The readings of one KPI over one window."""

    kpi: Key
    agg: Aggregate | None = None
    window: WindowToken | None = None
    by: Key | None = None
    """A dimension, for what shows a row for each of its values."""

    @property
    def grain(self) -> tuple[Key, ...]:
        """The grain of the readings."""
        return () if self.by is None else (self.by,)


class Overview(Model):
    """What the places of the overview show; one that is not given is left out."""

    tiles: tuple[OverviewPart, ...] = ()
    """The figures at the top, in rows of six."""
    gauge: OverviewPart | None = None
    """A share of what should be reached."""
    chart: OverviewPart | None = None
    """The one large chart, with the target and the week before."""
    ranking: OverviewPart | None = None
    """Bars, the longest first."""
    leaderboard: tuple[OverviewPart, ...] = ()
    """The columns of a table, all by the same dimension, sorted by the first."""
    mix: OverviewPart | None = None
    """What the whole is made of."""
    funnel: tuple[OverviewPart, ...] = ()
    """What gets through, step by step."""

    def where(self, kept: Callable[[OverviewPart], bool]) -> "Overview":
        """Return the overview with those of its parts that are `kept`."""

        def some(parts: tuple[OverviewPart, ...]) -> tuple[OverviewPart, ...]:
            return tuple(filter(kept, parts))

        def one(part: OverviewPart | None) -> OverviewPart | None:
            return part if part is not None and kept(part) else None

        return Overview(
            tiles=some(self.tiles),
            gauge=one(self.gauge),
            chart=one(self.chart),
            ranking=one(self.ranking),
            leaderboard=some(self.leaderboard),
            mix=one(self.mix),
            funnel=some(self.funnel),
        )
