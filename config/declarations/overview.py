"""The model of the overview: which readings the first dashboard shows, and where on it."""

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

    def parts(self) -> tuple[OverviewPart, ...]:
        """Return all of them."""
        single = (self.gauge, self.chart, self.ranking, self.mix)
        return (*self.tiles, *(part for part in single if part), *self.leaderboard, *self.funnel)

    def without(self, kpis: frozenset[str]) -> "Overview":
        """Return what is left when these KPIs are not there."""

        def left(parts: tuple[OverviewPart, ...]) -> tuple[OverviewPart, ...]:
            return tuple(part for part in parts if part.kpi not in kpis)

        def kept(part: OverviewPart | None) -> OverviewPart | None:
            return None if part is None or part.kpi in kpis else part

        return Overview(
            tiles=left(self.tiles),
            gauge=kept(self.gauge),
            chart=kept(self.chart),
            ranking=kept(self.ranking),
            leaderboard=left(self.leaderboard),
            mix=kept(self.mix),
            funnel=left(self.funnel),
        )
