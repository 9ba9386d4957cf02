"""The question for the entities of a reading, as the parameters of a request."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from metrics.calendar import Window
from metrics.contributors import DEFAULT_LIMIT, MOST, Place, Question
from metrics.plan import Plan, SeriesPlan
from streams.envelope import format_instant
from streams.readings import QueryError, dimension_value

PARAMETERS = ("agg", "window", "where", "limit", "before")
_decode_place = msgspec.json.Decoder(tuple[int, str, str]).decode
_encode = msgspec.json.Encoder().encode


def parse_question(plan: Plan, kpi: str, params: Mapping[str, str]) -> Question:
    """Return the question that the parameters of a request ask.

    Args:
        plan: what is declared.
        kpi: key of the KPI.
        params: `window`, and `agg` of a KPI that has several; `where` once for each dimension of the series, as
            ``team:north``, none for the total; `limit`; `before`, the `next` of the page before.

    Raises:
        QueryError: something is not declared, missing or misspelt; the text names what is known.
    """
    return question_of(plan, kpi, list(params.items()))  # a multidict gives what is repeated several times


def question_of(plan: Plan, kpi: str, given: Sequence[tuple[str, str]]) -> Question:
    """Return the question that (parameter, text) pairs ask: see `parse_question`."""
    single = _single(given)
    series = [s for s in plan.series if s.kpi.key == kpi]
    if not series:
        raise QueryError(f"kpi `{kpi}` is not declared; use one of {', '.join(plan.declarations.kpis)}")
    series = _of_agg(series, single.get("agg"))
    values = _values(text for name, text in given if name == "where")
    found = _of_grain(series, tuple(values))
    return Question(
        found,
        _window(found, single.get("window")),
        tuple(values[name] for name in found.grain),
        _limit(single.get("limit")),
        None if "before" not in single else parse_cursor(single["before"]),
    )


def question_params(question: Question, as_of: int) -> list[tuple[str, str]]:
    """Return the parameters with which a view asks a worker, as of T."""
    series, before = question.series, question.before
    return [
        ("kpi", series.kpi.key),
        *([] if series.agg is None else [("agg", series.agg)]),
        ("window", question.window.token),
        *(("where", f"{name}:{value}") for name, value in zip(series.grain, question.dims, strict=True)),
        ("limit", str(question.limit)),
        *([] if before is None else [("before", cursor(before))]),
        ("as_of", format_instant(as_of)),
    ]


def cursor(place: Place) -> str:
    """Return a place as a text that only this module understands, and every URL can hold."""
    return urlsafe_b64encode(_encode(place)).decode().rstrip("=")


def parse_cursor(text: str) -> Place:
    """Return the place that a text stands for.

    Raises:
        QueryError: it stands for none.
    """
    try:
        return Place(*_decode_place(urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (ValueError, msgspec.MsgspecError):
        raise QueryError(f"before `{text}` is no place in the list; send the `next` of the page before") from None


def _single(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters that may be given once."""
    found: dict[str, str] = {}
    for name, text in given:
        if name not in PARAMETERS:
            raise QueryError(f"parameter `{name}` is not known; use one of {', '.join(PARAMETERS)}")
        if name in found:
            raise QueryError(f"parameter `{name}` is given several times; give it once")
        if name != "where":
            found[name] = text
    return found


def _of_agg(series: Sequence[SeriesPlan], agg: str | None) -> list[SeriesPlan]:
    kpi = series[0].kpi.key
    known = list(dict.fromkeys(s.agg for s in series if s.agg is not None))
    if agg is not None and not known:
        raise QueryError(f"agg `{agg}`: kpi `{kpi}` has one aggregate only; leave `agg` out")
    if known and agg not in known:
        wrong = "agg is missing" if agg is None else f"agg `{agg}` is not declared"
        raise QueryError(f"{wrong} for `{kpi}`; use one of {', '.join(known)}")
    return [s for s in series if s.agg == agg]


def _values(texts: Iterator[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in map(dimension_value, texts):
        if name in values:
            raise QueryError(f"where: dimension `{name}` is given twice; a reading has one value of each dimension")
        values[name] = value
    return values


def _of_grain(series: Sequence[SeriesPlan], names: tuple[str, ...]) -> SeriesPlan:
    for found in series:
        if sorted(found.grain) == sorted(names):
            return found
    known = ", ".join(f"`{','.join(s.grain)}`" for s in series if s.grain) or "none: it has a total only"
    asked = f"by `{','.join(names)}`" if names else "without `where`"
    total = ", or no `where` for the total" if any(not s.grain for s in series) else ""
    raise QueryError(
        f"there is no reading of `{series[0].kpi.key}` {asked}; give one `where=dimension:value` for each dimension"
        f" of one of {known}{total}"
    )


def _window(series: SeriesPlan, token: str | None) -> Window:
    known = {window.token: window for window in series.windows}
    if token is None and len(known) == 1:
        return next(iter(known.values()))
    if token is None or token not in known:
        wrong = "window is missing" if token is None else f"window `{token}` is not declared"
        by = f" by `{','.join(series.grain)}`" if series.grain else ""
        raise QueryError(f"{wrong} for `{series.kpi.key}`{by}; use one of {', '.join(known)}")
    return known[token]


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise QueryError(f"limit `{text}` is no number from 1 to {MOST}")
    return int(text)
