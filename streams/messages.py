"""What others are told: readings and signs of life as JSON, in one form for HTTP, the topic and Redis."""

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from metrics.calendar import DAY, Window, bounds
from metrics.evaluate import Total
from metrics.exposition import definition_version
from metrics.formatting import Quantities, quantities
from metrics.plan import Plan, SeriesPlan
from metrics.view import Reading, View
from streams.envelope import format_instant

if TYPE_CHECKING:
    from metrics.windows import Dims

PROGRESS_KEY = "progress"
"""The key of the sign of life on the topic and in Redis."""
_ESCAPES = {ord(c): f"%{ord(c):02X}" for c in "%,=|"}
"""What has a meaning in a key, as it is spelt in a value."""
_encode = msgspec.json.Encoder().encode


class ReadingMessage(Struct, omit_defaults=True, kw_only=True):
    """One reading; decimals are texts, instants RFC 3339 in UTC, and what does not apply is not there.

    Attributes:
        kpi: key of the KPI.
        agg: the aggregate, of a KPI that has several.
        window: token of the window.
        start: where the window begins; the instant itself belongs to it.
        end: where the window ends; the instant itself does not belong to it.
        as_of: the instant of the evaluation.
        grain: the dimensions that the series is grouped by, none for the total.
        dimensions: the value of each of them.
        value: the exact value, money in major units; null when there is none.
        reason: why there is no value.
        numerator: what the value is a share of, of a ratio.
        denominator: what it is divided by, of a ratio.
        samples: how many things the value was made of, where it is no plain sum.
        target: what the value should reach, where a target is declared.
        unit: `money`, `seconds`, `ratio` or `none`.
        currency: ISO 4217 code, of money.
        definition_version: changes when, and only when, the declaration of the KPI does.
        revision: on the topic: 1 for the first record of a key, then one more for each.
    """

    kpi: str
    agg: str | None = None
    window: str
    start: str
    end: str
    as_of: str
    grain: tuple[str, ...]
    dimensions: dict[str, str]
    value: str | None
    reason: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    samples: int | None = None
    target: str | None = None
    unit: str
    currency: str | None = None
    definition_version: str
    revision: int | None = None

    @property
    def gone(self) -> bool:
        """Whether the series is no more: it has neither a value nor a reason for having none."""
        return self.value is None and self.reason is None


class ProgressMessage(Struct, omit_defaults=True, kw_only=True):
    """A sign of life: up to where everything is evaluated, so that "nothing changed" differs from "stalled".

    Attributes:
        as_of: the instant of the last evaluation.
        watermarks: the greatest event time that was applied, by event type.
        ready: whether the readings are those of now; only told over HTTP.
        reason: why not.
    """

    as_of: str | None
    watermarks: dict[str, str]
    ready: bool | None = None
    reason: str | None = None


class _Named(NamedTuple):
    """A row of a series over a window: its key, and its dimension values by name."""

    key: str
    dimensions: dict[str, str]


class _Form(NamedTuple):
    """What all readings of a series have in common."""

    kinds: Quantities
    has_samples: bool
    currency: str | None
    version: str


class Messages:
    """Turns readings into messages; what the readings of a series, or of an instant, share is worked out once."""

    def __init__(self, plan: Plan) -> None:
        """Begin with nothing worked out."""
        self._plan = plan
        self._forms: dict[int, _Form] = {}
        self._named: dict[tuple[int, Window, Dims], _Named] = {}
        self._as_of = -1
        self._ends: dict[Window, tuple[str, str]] = {}

    def key(self, reading: Reading) -> str:
        """Return the key of a series: ``revenue|30d|team=noord``, the aggregate with the KPI where it has several.

        What has a meaning in a key is percent-encoded in the values.
        """
        return self._name(reading).key

    def _name(self, reading: Reading) -> _Named:
        at = id(reading.series), reading.window, reading.dims  # the plan keeps its series, so an id stays this one's
        named = self._named.get(at)
        if named is None:
            dimensions = dict(zip(reading.series.grain, reading.dims, strict=True))
            values = ",".join(f"{name}={value.translate(_ESCAPES)}" for name, value in dimensions.items())
            series = reading.series
            name = series.kpi.key if series.agg is None else f"{series.kpi.key}.{series.agg}"
            named = self._named[at] = _Named(f"{name}|{reading.window.token}|{values}", dimensions)
        return named

    def message(self, reading: Reading, as_of: int) -> ReadingMessage:
        """Return a reading of the evaluation as of `as_of` (ms since the epoch) as a message."""
        series, window, _, result = reading
        kinds, has_samples, unit_currency, version = self._form(series)
        currency = self._plan.currency
        start, end = self._window(window, as_of)
        return ReadingMessage(
            kpi=series.kpi.key,
            agg=series.agg,
            window=window.token,
            start=start,
            end=end,
            as_of=self._now,
            grain=series.grain,
            dimensions=self._name(reading).dimensions,
            value=None if result.value is None else kinds.value.text(result.value, currency),
            reason=result.reason,
            numerator=None
            if result.numerator is None or kinds.numerator is None
            else kinds.numerator.text(result.numerator, currency),
            denominator=None
            if result.denominator is None or kinds.denominator is None
            else kinds.denominator.text(result.denominator, currency),
            samples=result.samples if has_samples else None,
            target=None if result.target is None else kinds.value.text(result.target, currency),
            unit=series.kpi.unit,
            currency=unit_currency,
            definition_version=version,
        )

    def _form(self, series: SeriesPlan) -> _Form:
        form = self._forms.get(id(series))
        if form is None:
            kinds = quantities(series, self._plan.declarations)
            currency = self._plan.currency if series.kpi.unit == "money" else None
            form = _Form(kinds, not isinstance(series.node, Total), currency, definition_version(series.kpi))
            self._forms[id(series)] = form
        return form

    def _window(self, window: Window, as_of: int) -> tuple[str, str]:
        if as_of != self._as_of:
            self._as_of, self._now, self._ends = as_of, format_instant(as_of), {}
        ends = self._ends.get(window)
        if ends is None:
            found = bounds(window, as_of, self._plan.calendar)
            ends = self._ends[window] = format_instant(found.start), format_instant(found.end)
        return ends


def split_key(key: str) -> tuple[str, str]:
    """Return the name of the hash in Redis, and the field in it: ``revenue`` and ``30d|team=noord``."""
    name, _, field = key.partition("|")
    return name, field


def content_of(message: ReadingMessage) -> tuple[object, ...]:
    """Return what makes two readings of a series different ones.

    Windows of hours, and what is as of T, move on with every tick and are the same reading until the value changes.
    Windows of days are others when they begin on another day, even if the value is the same.
    """
    return (
        message.start if Window(message.window).tier == DAY else None,
        message.value,
        message.reason,
        message.numerator,
        message.denominator,
        message.samples,
        message.target,
        message.currency,
        message.definition_version,
    )


def progress_of(view: View) -> ProgressMessage:
    """Return how far the readings of `view` are."""
    return ProgressMessage(
        as_of=None if view.as_of is None else format_instant(view.as_of),
        watermarks={source: format_instant(at) for source, at in sorted(view.watermarks().items())},
    )


def encode(message: ReadingMessage | ProgressMessage) -> bytes:
    """Return a message as JSON."""
    return _encode(message)
