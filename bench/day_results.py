"""What a simulated day has shown: what was promised and what was found, as a table, as JSON and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from bench.day_form import Form
from bench.day_watch import Seen
from bench.picture import Line, Panel, picture

TICK_SECONDS = 1.0
LATE_SECONDS = 2.0
"""No evaluation may be later."""
GROWTH = 0.02
"""Memory may grow by so much in the second half of the day."""
RECOVERY_SECONDS = 300.0
"""So long after the burst the lag must be that of one second again."""
_MIB = 2**20
_SHOWN = 5


class Verdict(NamedTuple):
    """One promise."""

    what: str
    bound: str
    found: str
    kept: bool


@dataclass(frozen=True)
class Produced:
    """What the producer tells: all events, those of the day, and by how many seconds any were written too late."""

    events: int
    of_the_day: int
    late: float


@dataclass(frozen=True)
class DayResult:
    """One day.

    Attributes:
        form: what it was like.
        seen: what was seen during it.
        produced: what was written.
        worker_cores: cores that the worker took on average.
        view_cores: cores that the view took.
        caught_up: real seconds after the day until everything was applied.
        compared: how many readings were compared with a recomputation at its end.
        wrong: those that differ.
    """

    form: Form
    seen: Seen
    produced: Produced
    worker_cores: float
    view_cores: float
    caught_up: float
    compared: int
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return all(verdict.kept for verdict in self.verdicts())

    def verdicts(self) -> Iterator[Verdict]:
        """Yield every promise; those about real time are only made where time goes by at its own pace."""
        for who, growth in (("worker", self.growth("worker_bytes")), ("view", self.growth("view_bytes"))):
            found = f"{growth:+.1%}"
            yield Verdict(f"memory of the {who}, second half", f"≤ {GROWTH:+.0%}", found, growth <= GROWTH)
        recovered = self.recovered()
        yield Verdict(
            "lag below one second again after the burst",
            f"≤ {RECOVERY_SECONDS:.0f} s",
            f"{recovered:.0f} s",
            recovered <= RECOVERY_SECONDS,
        )
        if self.form.speed == 1:
            late, gap = self.latest(), self.widest_gap()
            yield Verdict("latest evaluation", f"≤ {LATE_SECONDS:.0f} s", f"{late:.2f} s", late <= LATE_SECONDS)
            most = TICK_SECONDS + LATE_SECONDS
            yield Verdict("between two evaluations", f"≤ {most:.0f} s", f"{gap:.2f} s", gap <= most)
        applied, events = self.seen.applied, self.produced.events
        yield Verdict("events applied, each once", f"{events:,}", f"{applied:,}", applied == events)
        yield Verdict("events with another outcome", "0", f"{self.seen.refused:,}", not self.seen.refused)
        yield Verdict(
            f"wrong among {self.compared:,} readings",
            "0",
            f"{len(self.wrong):,}",
            bool(self.compared) and not self.wrong,
        )

    def growth(self, which: str) -> float:
        """Return by how much memory grows in the second half, by a line through it, as a share of its mean."""
        half = self.form.real_seconds / 2
        points = [(s.second, getattr(s, which)) for s in self.seen.samples if s.second >= half]
        if len(points) < 2:  # noqa: PLR2004 (a line needs two)
            return inf
        seconds, sizes = np.array(points, dtype=float).T
        slope, _ = np.polyfit(seconds, sizes, 1)
        return float(slope * (seconds[-1] - seconds[0]) / sizes.mean())

    def recovered(self) -> float:
        """Return how many real seconds after the burst the lag is below a second's events, and stays there."""
        over = self.form.burst_ends / self.form.speed
        most = self.form.rate * self.form.speed
        behind = [s.second for s in self.seen.samples if s.second >= over and s.lag > most]
        return max(behind, default=over) - over

    def latest(self) -> float:
        """Return how late the latest evaluation was at a client, in real seconds."""
        return max((tick.late for tick in self.seen.ticks), default=inf)

    def widest_gap(self) -> float:
        """Return the longest time between the instants of two evaluations, in real seconds."""
        instants = sorted(tick.as_of for tick in self.seen.ticks)
        return max((b - a for a, b in pairwise(instants)), default=inf)

    def quantile(self, q: float) -> float:
        """Return the q-quantile of the lateness."""
        found = sorted(tick.late for tick in self.seen.ticks)
        return found[min(len(found) - 1, int(q * len(found)))] if found else inf

    # ------------------------------------------------------------------------------------------------------------ shown

    def table(self) -> Table:
        """Return the promises as a table for people."""
        table = Table(title=self.title())
        for heading in ("what", "bound", "found", ""):
            table.add_column(heading, justify="left" if heading == "what" else "right")
        for verdict in self.verdicts():
            table.add_row(verdict.what, verdict.bound, verdict.found, "kept" if verdict.kept else "[red]broken[/]")
        return table

    def title(self) -> str:
        """Return what the day was like in a line."""
        form = self.form
        return (
            f"{form.hours:g} simulated hours in {form.real_seconds / 60:.1f} minutes, {form.entities:,} places,"
            f" {self.produced.of_the_day:,} events, {form.rate * form.speed:,.0f} a real second, {form.burst:g} × for"
            f" {form.burst_minutes:g} simulated minutes"
        )

    def lines(self) -> Iterator[str]:
        """Yield what else there is to say."""
        samples = self.seen.samples
        for who, which in (("worker", "worker_bytes"), ("view", "view_bytes")):
            sizes = [getattr(s, which) / _MIB for s in samples]
            shown = " ".join(f"{size:.0f}" for size in sizes[:: max(1, len(sizes) // 10)])
            yield f"memory of the {who}, MiB, every tenth of the day: {shown}; most {max(sizes):.0f}"
        yield f"cores: worker {self.worker_cores:.2f}, view {self.view_cores:.2f}"
        lateness = ", ".join(f"{q:g}: {self.quantile(q):.2f} s" for q in (0.5, 0.99, 1.0))
        yield f"lateness of {len(self.seen.ticks):,} evaluations at a client, quantiles {lateness}"
        yield f"evaluations took {max(self.seen.tick_seconds, default=0):.2f} s at most, on average over five seconds"
        yield f"most lag {max(s.lag for s in samples):,} events; oldest flush {max(s.flush_age for s in samples):.1f} s"
        yield f"the producer was late by {self.produced.late:.1f} s at most"
        yield f"everything was applied {self.caught_up:.1f} s after the day"
        for line in self.wrong[:_SHOWN]:
            yield f"differs: {line}"

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return {
            **asdict(self),
            "wrong": list(self.wrong[:100]),
            "verdicts": [verdict._asdict() for verdict in self.verdicts()],
            "lateness": {str(q): self.quantile(q) for q in (0.5, 0.99, 1.0)},
        }

    def as_svg(self) -> str:
        """Return a picture of the day: memory, lag and lateness over time."""
        samples, ticks = self.seen.samples, self.seen.ticks

        def over_time(which: str, by: float = 1) -> Sequence[tuple[float, float]]:
            return [(s.second / 60, getattr(s, which) / by) for s in samples]

        memory = (Line("worker", over_time("worker_bytes", _MIB)), Line("view", over_time("view_bytes", _MIB)))
        late = Line("at a client", [(tick.seen / 60, tick.late) for tick in ticks])
        panels = (
            Panel("memory, MiB", memory),
            Panel("lag, events", (Line("worker", over_time("lag")),)),
            Panel("lateness of evaluations, s", (late,)),
        )
        return picture(self.title(), "minutes", panels)
