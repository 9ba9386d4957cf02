"""Money: minor units of ISO 4217 currencies, and exact conversion into the reporting currency at the reading."""

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from metrics.calendar import DAY_MS

_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217 exponents that are not 2."""
ISO_4217 = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
    LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB
    PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
    TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER
    ZAR ZMW ZWG
    """.split()  # noqa: SIM905 (a list of so many quoted words is no easier to read)
)
"""The currencies in use; money of any other is counted by its code too, up to a limit."""


def exponent(currency: str) -> int:
    """Return how many decimals the minor unit of `currency` has."""
    return _EXPONENTS.get(currency, 2)


class Rate(NamedTuple):
    """One published rate: 1 base = rate quote, from the local date `day` on."""

    base: str
    quote: str
    day: int
    rate: Decimal


class Rates:
    """The published rates, looked up by local date: the newest not after it and not older than `max_age_ms`."""

    def __init__(self, reporting: str, max_age_ms: int, rates: Iterable[Rate] = ()) -> None:
        """Index `rates`; of several for one pair and date the last one given counts."""
        self.reporting = reporting
        self._max_age_days = max_age_ms // DAY_MS
        published: dict[tuple[str, str], dict[int, Decimal]] = {}
        for rate in rates:
            if rate.rate > 0:
                published.setdefault((rate.base, rate.quote), {})[rate.day] = rate.rate
        self._days = {pair: sorted(by_day) for pair, by_day in published.items()}
        self._published = published
        bases = {base for base, _ in published}
        self._bases = sorted(bases, key=lambda base: (base != reporting, base))
        self._factors: dict[tuple[str, int], Fraction | None] = {}

    def factor(self, currency: str, day: int) -> Fraction | None:
        """Return the worth of one minor unit of `currency` on `day` in reporting minor units; None without a rate."""
        if currency == self.reporting:
            return Fraction(1)
        key = currency, day
        if key not in self._factors:
            self._factors[key] = self._cross(currency, day)
        return self._factors[key]

    def _cross(self, currency: str, day: int) -> Fraction | None:
        for base in self._bases:
            bought, sold = self._rate(base, currency, day), self._rate(base, self.reporting, day)
            if bought is not None and sold is not None:
                return sold / bought * Fraction(10) ** (exponent(self.reporting) - exponent(currency))
        return None

    def _rate(self, base: str, quote: str, day: int) -> Fraction | None:
        if base == quote:
            return Fraction(1)
        days = self._days.get((base, quote), [])
        at = bisect_right(days, day) - 1
        if at < 0 or day - days[at] > self._max_age_days:
            return None
        return Fraction(self._published[base, quote][days[at]])
