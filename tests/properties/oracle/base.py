"""What the formulas share: which entities lie in a window, and what they add up to by dimension values."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from fractions import Fraction
from typing import Any

from tests.properties.oracle.answers import Grain, Sums
from tests.properties.oracle.merging import Entity
from tests.properties.oracle.world import World


class Formulas:
    """One public method for each KPI: (grain, window) to the answer for the values of a row's dimensions."""

    def __init__(self, world: World) -> None:
        self.w = world

    def _in(self, token: str, entities: Iterable[Entity], field: str, *, before: bool = False) -> list[Entity]:
        """Return the entities of which an instant lies in the window."""
        has = self.w.clock.has(token, before=before)
        return [e for e in entities if has(e[field])]

    def _on(self, token: str, entities: Iterable[Entity], field: str) -> list[Entity]:
        """Return the entities of which a date lies in the window."""
        has = self.w.clock.has_day(token)
        return [e for e in entities if has(e[field])]

    def _total(
        self,
        source: str,
        entities: Iterable[Entity],
        grain: Grain,
        number: Callable[[Entity], Any] = lambda _: 1,
    ) -> Sums:
        """Return the sum of a number of each entity, by default their count."""
        found: Sums = defaultdict(Fraction)
        for entity in entities:
            found[self.w.dims_of(source, entity, grain)] += number(entity)
        return found

    def _worth(
        self,
        source: str,
        entities: Iterable[Entity],
        grain: Grain,
        day: Callable[[Entity], date],
        amount: Callable[[Entity], Any] = lambda e: e["amount_minor"],
    ) -> Sums:
        """Return the sum of an amount of each entity at its day's rate; one without a rate is left out."""
        valued = ((e, self.w.worth(e["currency"], day(e))) for e in entities)
        worth = {e["id"]: w for e, w in valued if w is not None}
        return self._total(
            source, [e for e in entities if e["id"] in worth], grain, lambda e: amount(e) * worth[e["id"]]
        )

    def _day(self, field: str) -> Callable[[Entity], date]:
        """Return the local date of an instant."""
        return lambda entity: self.w.clock.date_of(entity[field])

    # ---- deals and their lines

    def _lines(
        self,
        deals: Iterable[Entity],
        grain: Grain,
        day: Callable[[Entity], date],
        amount: Callable[[Any], int] = lambda line: int(line["amount_minor"]),
    ) -> Sums:
        """Return the sum of an amount of each line, at its deal's day's rate."""
        found: Sums = defaultdict(Fraction)
        for dims, deal, lines in self.w.parts(deals, grain):
            worth = self.w.worth(deal["currency"], day(deal))
            if worth is not None:
                found[dims] += sum(amount(line) for line in lines) * worth
        return found

    def _won(self, token: str, *, before: bool = False) -> list[Entity]:
        return self._in(token, [d for d in self.w.deals if d["status"] == "won"], "closed_at", before=before)

    def _lost(self, token: str) -> list[Entity]:
        return self._in(token, [d for d in self.w.deals if d["status"] == "lost"], "closed_at")

    def _booked(self, grain: Grain, token: str, *, before: bool = False) -> Sums:
        """Return the revenue of a window, or of the one it is compared with."""
        return self._lines(self._won(token, before=before), grain, self._day("closed_at"))

    # ---- customers

    def _acquired(self, token: str) -> list[Entity]:
        return self._in(token, self.w.customers, "acquired_at")

    def _count(self, customers: Iterable[Entity], grain: Grain) -> Sums:
        return self._total("customer", customers, grain)


def having(entities: Iterable[Entity], **values: Any) -> list[Entity]:
    """Return the entities with these field values; a tuple lists what a field may be."""
    return [e for e in entities if all(e[n] in (v if isinstance(v, tuple) else (v,)) for n, v in values.items())]
