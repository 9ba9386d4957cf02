"""Numbers as the templates of Prometheus write them, for the tests of what its alerts say."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_THOUSAND = 1_000
_LARGE, _SMALL = "kMGTPEZY", "munpfazy"


def humanize(value: float) -> str:
    """Return what `humanize` makes of a number."""
    return _prefixed(value) if value else "0"


def humanize_percentage(value: float) -> str:
    """Return what `humanizePercentage` makes of a ratio."""
    return f"{value * 100:.4g}%"


def humanize_duration(seconds: float) -> str:
    """Return what `humanizeDuration` makes of a number of seconds."""
    if 0 < abs(seconds) < 1:
        return f"{_prefixed(seconds)}s"
    sign, whole = "-" if seconds < 0 else "", int(abs(seconds))
    counts = whole // _DAY, whole // _HOUR % 24, whole // _MINUTE % 60
    first = next((i for i, count in enumerate(counts) if count), None)
    if first is None:
        return f"{sign}{abs(seconds):.4g}s"
    parts = [f"{count}{unit}" for count, unit in zip(counts, "dhm", strict=True)]
    return f"{sign}{' '.join([*parts[first:], f'{whole % _MINUTE}s'])}"


def _prefixed(value: float) -> str:
    prefix = ""
    if abs(value) >= 1:
        for name in _LARGE:
            if abs(value) < _THOUSAND:
                break
            prefix, value = name, value / _THOUSAND
    else:
        for name in _SMALL:
            if abs(value) >= 1:
                break
            prefix, value = name, value * _THOUSAND
    return f"{value:.4g}{prefix}"
