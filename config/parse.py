"""Turn one written declaration into its model, or into faults that say what is wrong in our words and at its place."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.declarations import Model
from config.document import Loc, Place
from config.faults import Fault

_M = TypeVar("_M", bound=Model)

_SHAPES = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""What was expected, by pydantic's kinds of errors about the kind of a value."""

_PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "small letters, digits and underscores, a letter first",
    r"^[a-z][a-z0-9.-]*$": "small letters, digits, dots and dashes, a letter first",
    r"^[A-Z][A-Za-z0-9]*$": "letters and digits, a capital first, such as `WinRateLow`",
    r"^(0(\.\d+)?|1(\.0+)?)$": "a number from 0 to 1, such as 0.2",
    r"^\d+(\.\d+)?$": "a number that is not negative, such as 0.8",
}
"""In words, the patterns of the models."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return the remedy for a `wrong` name: the nearest known one, or else all of them."""
    names = sorted(name for name in known if name != wrong)
    near = get_close_matches(wrong, names, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; use one of {', '.join(names)}" if names else "; there is none to choose from"


def parse(model: type[_M], place: Place, noun: str, faults: list[Fault]) -> _M | None:
    """Return what is written at `place` as a `model`, or None and add every fault in it, each beginning with `noun`."""
    try:
        # Through JSON: the models are strict, and only there does a list become a tuple.
        return model.model_validate_json(json.dumps(_negative_inside(place.content)))
    except ValidationError as error:
        for written, errors in _by_place(place.content, error).items():
            faults.extend(_explain(model, place, noun, written, errors))
        return None


def _negative_inside(content: Any) -> Any:
    """Move a `negative` that stands beside the `duration` of a value or an event into it, where the models have it."""
    if isinstance(content, list):
        return [_negative_inside(item) for item in content]
    if not isinstance(content, dict):
        return content
    inside = {key: _negative_inside(value) for key, value in content.items()}
    for span in (inside.get("value"), inside.get("event")):
        if not isinstance(span, dict) or "negative" not in span:
            continue
        duration = span.get("duration")
        if isinstance(duration, dict) and "negative" not in duration:
            duration["negative"] = span.pop("negative")
    return inside


def _by_place(content: Any, error: ValidationError) -> dict[Loc, list[ErrorDetails]]:
    """Gather the errors of the same value: where a value may be of several kinds, pydantic tells about each of them."""
    found: dict[Loc, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        found.setdefault(_written(content, details["loc"]), []).append(details)
    return {loc: errors for loc, errors in found.items() if not _explained_inside(loc, errors, found)}


def _written(content: Any, loc: Loc) -> Loc:
    """Return the parts of `loc` that are written down: pydantic also puts in the names of a union's members."""
    parts: list[str | int] = []
    for part in loc:
        if (isinstance(content, dict) and part in content) or (isinstance(content, list) and isinstance(part, int)):
            content = content[part]  # type: ignore[index] # a list has an int here, a dict any key
            parts.append(part)
    return tuple(parts)


def _explained_inside(loc: Loc, errors: list[ErrorDetails], found: Mapping[Loc, object]) -> bool:
    """Whether all that is wrong here is "not of that other kind", and a value further in tells what is wrong."""
    inside = any(len(other) > len(loc) and other[: len(loc)] == loc for other in found)
    return inside and all(details["type"] in _SHAPES or details["type"] == "literal_error" for details in errors)


def _explain(model: type[Model], place: Place, noun: str, loc: Loc, errors: list[ErrorDetails]) -> Iterator[Fault]:
    where = ".".join(str(part) for part in loc if isinstance(part, str))
    within = f"{noun}: " + (f"`{where}`: " if where else "")
    others = [details for details in errors if details["type"] not in _SHAPES]
    for details in others:
        kind, written = details["type"], details["loc"]
        if kind == "extra_forbidden":
            around = ".".join(str(part) for part in loc[:-1] if isinstance(part, str))
            known = _keys(_model_at(model, written[:-1]))
            message = (
                f"unknown key `{loc[-1]}`" + (f" in `{around}`" if around else "") + did_you_mean(str(loc[-1]), known)
            )
            yield place.fault(loc, f"{noun}: {message}", at_key=True)
        elif kind == "missing":
            yield place.fault(loc, f"{within}`{written[-1]}` is missing; add it")
        else:
            yield place.fault(loc, within + _said(details), at_key=written[-1:] == ("[key]",))
    if not others:
        shapes = " or ".join(dict.fromkeys(_SHAPES[details["type"]] for details in errors))
        yield place.fault(loc, f"{within}`{_shown(errors[0]['input'])}` does not fit; write {shapes}")


def _said(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    phrase = _PHRASES.get(details["type"])
    return (
        phrase(details, context) if phrase else f"`{_shown(details['input'])}` does not fit: {details['msg'].lower()}"
    )


def _not_one_of(details: ErrorDetails, context: dict[str, Any]) -> str:
    known = re.findall(r"'([^']*)'", context["expected"])
    return f"`{_shown(details['input'])}` is not known{did_you_mean(str(details['input']), known)}"


def _not_like(details: ErrorDetails, context: dict[str, Any]) -> str:
    return f"`{details['input']}` does not fit; write {_PATTERNS.get(context['pattern'], context['pattern'])}"


_PHRASES: dict[str, Callable[[ErrorDetails, dict[str, Any]], str]] = {
    "value_error": lambda _, context: str(context["error"]),
    "literal_error": _not_one_of,
    "string_pattern_mismatch": _not_like,
}


def _shown(value: object) -> str:
    """Return `value` as it would be written in YAML, cut to a length that fits in a message."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits on a line


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """Return the model that the value at `loc` of a `model` must be."""
    for part in loc:
        for name, field in model.model_fields.items():
            inner = _models(field.annotation)
            if inner and part == (field.alias or name):
                model = inner[0]
                break
    return model


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _keys(model: type[BaseModel]) -> list[str]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [*names, "negative"] if "duration" in names else names  # may stand beside its duration
