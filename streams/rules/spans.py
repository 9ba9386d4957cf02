"""Durations as Prometheus writes them."""

import re
from decimal import Decimal

_SECONDS = {
    "ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3_600), "d": Decimal(86_400),
    "w": Decimal(604_800), "y": Decimal(31_536_000),
}  # fmt: skip
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def span_seconds(span: str) -> Decimal:
    """Return the seconds of a span such as ``1h30m``."""
    return sum((int(count) * _SECONDS[unit] for count, unit in _PART.findall(span)), Decimal(0))


def span_text(seconds: Decimal) -> str:
    """Return a span of any length exactly, such as ``1h 30m``; what is left of a second stays a part of it."""
    left, parts = abs(seconds), []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count:f}{unit}")
    if left or not parts:
        parts.append(f"{left.normalize():f}s")
    return ("-" if seconds < 0 else "") + " ".join(parts)
