"""Make the values of an event out of the cells of a row: the small parts of `streams.replay_mapping`."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, tzinfo
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeAlias

from streams.envelope import format_instant, parse_instant

Row: TypeAlias = Mapping[str, str]
Make: TypeAlias = Callable[[Row], Any]

_MOST_DIGITS = 18
"""Before the point, and after it; what has more is refused by the worker, too."""
_EXACTLY = Context(prec=2 * _MOST_DIGITS + 10)
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


class RowError(ValueError):
    """A row that does not fit its mapping; the reader adds file and line."""


def filled_in(parts: list[tuple[str, bool]]) -> Make:
    """Make a text of constants and (where the flag is set) cells; with an empty cell among them it is null."""
    columns = [text for text, is_cell in parts if is_cell]
    if not columns:
        constant = "".join(text for text, _ in parts)
        return lambda _: constant
    if len(columns) == 1:  # nearly all templates: the rest of this function would do, at three times the cost
        column, at = columns[0], parts.index((columns[0], True))
        before, after = ("".join(text for text, _ in side) for side in (parts[:at], parts[at + 1 :]))
        return lambda row: f"{before}{cell}{after}" if (cell := row[column]) else None

    def make(row: Row) -> str | None:
        if not all(row[column] for column in columns):
            return None
        return "".join(row[text] if is_cell else text for text, is_cell in parts)

    return make


def then(make: Make, convert: Callable[[Any], Any]) -> Make:
    """Convert what `make` gives; what is null stays null."""

    def converted(row: Row) -> Any:
        found = make(row)
        return None if found is None else convert(found)

    return converted


def or_default(make: Make, default: str | int | bool) -> Make:  # noqa: FBT001 - a constant of the mapping file
    """Give `default` where `make` gives null."""

    def made(row: Row) -> Any:
        found = make(row)
        return default if found is None else found

    return made


def only_if(applies: Callable[[Row], bool], make: Make) -> Make:
    """Give null for the rows that `applies` turns away."""
    return lambda row: make(row) if applies(row) else None


def named(name: str, make: Make, row: Row) -> Any:
    """Make the value of the field `name`, which its faults then name."""
    try:
        return make(row)
    except RowError as error:
        raise RowError(f"field `{name}`: {error}") from None


def filled(make: Make, row: Row, name: str) -> Any:
    """Make a value that must not be null."""
    found = named(name, make, row)
    if found is None:
        raise RowError(f"`{name}` is empty; every event needs one")
    return found


def filled_text(make: Make, row: Row, name: str) -> str:
    """Make a text that must not be null."""
    found = filled(make, row, name)
    if not isinstance(found, str):
        raise RowError(f"`{name}` is `{found}`; every event needs a text there")
    return found


@lru_cache(maxsize=4096)  # files have far fewer different instants than rows
def checked_instant(text: str) -> str:
    """Return the `updated_at` of an event, which only a mapping without `timestamp` can get wrong."""
    try:
        parse_instant(text)
    except ValueError as error:
        raise RowError(f"field `updated_at`: {error}") from None
    return text


def in_form(form: str, found: Any) -> str:
    """Return a text in lower or upper case, or as a slug: lower case, one `-` for all that is no letter or digit."""
    match form:
        case "lower":
            return str(found).lower()
        case "upper":
            return str(found).upper()
    return _NOT_SLUG.sub("-", str(found).lower()).strip("-")


def mapped(values: Mapping[str, Any], found: Any, *, has_default: bool) -> Any:
    """Return what a value is mapped to."""
    if str(found) in values:
        return values[str(found)]
    if has_default:
        return None
    raise RowError(f"`{found}` is not in `map` ({', '.join(values)}); add it there, or give the rule a `default`")


def _exact(found: Any) -> Decimal:
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise RowError(f"`{found}` is not a number; write digits with a decimal point and no thousands separator")
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _MOST_DIGITS or (isinstance(exponent, int) and exponent < -_MOST_DIGITS):
        raise RowError(f"`{found}` has more than {_MOST_DIGITS} digits before or after the point; round it")
    return number


def minor(exponent: int, found: Any) -> int:
    """Return a number in minor units, exactly."""
    scaled = _exact(found).scaleb(exponent, _EXACTLY)
    if scaled != int(scaled):
        raise RowError(f"`{found}` has more than {exponent} decimals; round it, or set another `exponent`")
    return int(scaled)


def whole(found: Any) -> int:
    """Return a whole number."""
    number = _exact(found)
    if number != int(number):
        raise RowError(f"`{found}` is not a whole number; use `decimal`")
    return int(number)


def exact(found: Any) -> str:
    """Return a number as the text of a decimal."""
    return f"{_exact(found):f}"


def day(found: Any) -> str:
    """Return a date as YYYY-MM-DD, the one form that is accepted."""
    try:
        spelt = date.fromisoformat(str(found)).isoformat()
    except ValueError:
        spelt = ""
    if spelt != found:
        raise RowError(f"`{found}` is not a date; write YYYY-MM-DD")
    return spelt


def instant(at: time | None, zone: tzinfo, found: Any) -> str:
    """Return an instant in UTC: a date at the local time `at`, or a whole instant when there is no such time."""
    try:
        if at is None:
            return format_instant(parse_instant(str(found)))
        local = datetime.combine(date.fromisoformat(day(found)), at, zone)
        return format_instant(int(local.timestamp()) * 1000)
    except RowError:
        raise
    except ValueError as error:
        raise RowError(f"{error}; for a date without a time give the rule a `time`") from None
    except OverflowError:
        raise RowError(f"`{found}` lies outside the years 1 to 9999 in UTC; leave it out") from None
