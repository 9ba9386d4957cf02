"""Whether every grain's dimensions are there on all that a KPI is made of, and its windows among the KPI's."""

from collections.abc import Iterator

from config.aggregated import leaves, parts
from config.check_dimensions import missing_in
from config.declarations import Grain, Kpi, Named, Ratio, Share, State
from config.document import Loc
from config.fields import Found
from config.known import Known


def check_grains(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield the grains that are listed twice or that cannot be computed."""
    if not kpi.grains:
        yield ("grains",), "`grains` is empty; list at least one, `[]` for the total"
    named = named_of(kpi, known, ())
    if named and kpi.grains != ((named.dimension,),):
        wrong = f"the values of `{named.dimension}` have a metric each"
        yield ("grains",), f"{wrong}; write `grains: [[{named.dimension}]]`"
    for index, grain in enumerate(kpi.grains):
        shown = f"grain `{spelt(grain)}`"
        if len(set(grain)) != len(grain):
            yield ("grains", index), f"{shown} names a dimension twice; keep one of them"
        elif {*grain} in [{*other} for other in kpi.grains[:index]]:
            yield ("grains", index), f"{shown} is listed twice; keep one of them"
        for position, dimension in enumerate(grain):
            reason = next(_missing(kpi, dimension, known), None)
            if reason:
                yield _place(kpi, index, position), f"{shown}: {reason}"
        yield from ((("grains", index), f"{shown}: {reason}") for reason in _unsuited(kpi, grain, known))
        yield from _windows(kpi, index, shown)


def spelt(grain: tuple[str, ...]) -> str:
    """Return a grain as it is written."""
    return f"[{', '.join(grain)}]"


def named_of(kpi: Kpi, known: Known, above: tuple[str, ...]) -> Named | None:
    """Return whose values have a metric each, of the KPI or of what it is made of."""
    if isinstance(kpi, State) and kpi.named:
        return kpi.named
    used = [known.kpis[part.kpi] for part in parts(kpi) if part.kpi in known.kpis and part.kpi not in above]
    return next((named for inner in used if (named := named_of(inner, known, (*above, kpi.key)))), None)


def _place(kpi: Kpi, index: int, position: int) -> Loc:
    with_windows = isinstance(kpi.declared_grains[index], Grain)
    return ("grains", index, "by", position) if with_windows else ("grains", index, position)


def _windows(kpi: Kpi, index: int, shown: str) -> Iterator[Found]:
    grain = kpi.declared_grains[index]
    if not isinstance(grain, Grain):
        return
    loc: Loc = "grains", index, "windows"
    if not grain.windows:
        yield loc, f"{shown} lists no window; list at least one, or write the grain without windows of its own"
    for position, window in enumerate(grain.windows):
        if window not in kpi.windows:
            listed = ", ".join(kpi.windows)
            yield (*loc, position), f"{shown}: window `{window}` is not one of the kpi's; use some of {listed}"
        elif window in grain.windows[:position]:
            yield (*loc, position), f"{shown}: window `{window}` is listed twice; keep one of them"


def _missing(kpi: Kpi, dimension: str, known: Known) -> Iterator[str]:
    """Yield why `kpi` cannot be grouped by `dimension`."""
    for part, grain in leaves(kpi, (dimension,), known.kpis):
        if grain:
            yield from missing_in(part, dimension, known)


def _unsuited(kpi: Kpi, grain: tuple[str, ...], known: Known) -> Iterator[str]:
    """Yield why a grain as a whole does not suit the KPI."""
    for part, own in leaves(kpi, grain, known.kpis):
        spec, scope = part.aggregated, part.plan.scope if part.plan else None
        if spec and "latest" in spec.aggs and not own:
            yield "the latest record is that of a row, and the total has none; group by a dimension"
        if spec and spec.per in own:
            yield f"`per: {spec.per}` is aggregated away; leave `{spec.per}` out of the grain"
        if scope and scope not in own:
            yield f"{part.name} is looked up by `{scope}`, which the grain has not; add it, or remove `scope`"
    if isinstance(kpi, Ratio):
        yield from _split(kpi, grain)
    if isinstance(kpi, Share) and kpi.actual.by in grain:
        yield f"the share is one of members, which `{kpi.actual.by}` tells apart; leave it out"


def _split(kpi: Ratio, grain: tuple[str, ...]) -> Iterator[str]:
    """Yield that no side has all dimensions: the rows come from the denominator, else from the numerator."""
    above, below = ({*grain} & {*side.broadcast} for side in (kpi.numerator, kpi.denominator))
    if above and below:
        names = ", ".join(f"`{name}`" for name in sorted(above | below))
        wrong = f"neither the numerator nor the denominator has all of its dimensions ({names})"
        yield f"{wrong}; take one out of a `broadcast`"
