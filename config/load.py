"""Read the declaration files, in layers, into one validated whole; report every fault at once.

A layer is the shipped catalogue, or one file or folder that was given. A later layer replaces the sources, KPIs and
pipelines of the same name, and adds to `defaults`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

from config.check import check
from config.declarations import (
    Conversion,
    Declarations,
    Defaults,
    Derived,
    Kpi,
    KpiBase,
    Measure,
    Membership,
    Model,
    Ratio,
    Share,
    Source,
    Stage,
    State,
)
from config.document import Document, Place, read
from config.faults import DeclarationFaults, Fault
from config.known import Known
from config.parse import did_you_mean, parse

__all__ = ["DeclarationFaults", "Fault", "load"]

_ENDINGS = {".yaml", ".yml"}
_SECTIONS = ("version", "defaults", "pipelines", "sources", "kpis")
_TYPES: Mapping[str, type[KpiBase]] = {
    "measure": Measure,
    "state": State,
    "ratio": Ratio,
    "derived": Derived,
    "conversion": Conversion,
    "membership": Membership,
    "share": Share,
}
_M = TypeVar("_M", bound=Model)


@dataclass
class _Layer:
    """What one layer declares, by name, and what is wrong with its writing."""

    defaults: list[Place] = field(default_factory=list)
    pipelines: dict[str, Place] = field(default_factory=dict)
    sources: dict[str, Place] = field(default_factory=dict)
    kpis: dict[str, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def load(paths: Sequence[Path] = (), *, shipped: bool = True) -> Declarations:
    """Return the declarations of the shipped catalogue and of `paths`, files or folders, where a later one wins.

    Args:
        paths: Files, or folders whose `.yaml` and `.yml` files are read in the order of their names.
        shipped: Whether to begin with the catalogue that comes with salespulse.

    Raises:
        DeclarationFaults: Anything is wrong anywhere; it holds every fault with file, line and column.
    """
    layers = [*([_shipped()] if shipped else []), *(_layer(path) for path in paths)]
    faults = [fault for layer in layers for fault in layer.faults]
    known = _parsed(layers, faults)
    faults += check(known)
    if faults:
        raise DeclarationFaults(faults)
    return Declarations(defaults=known.defaults, pipelines=known.pipelines, sources=known.sources, kpis=known.kpis)


# --------------------------------------------------------------------------------------------------------------- layers


@cache
def _shipped() -> _Layer:
    """Return the catalogue that is part of the package: it cannot change while we run, so it is read once."""
    with as_file(files("config") / "catalogue") as folder:
        return _layer(folder)


def _layer(path: Path) -> _Layer:
    layer = _Layer()
    try:
        found = sorted(p for p in path.iterdir() if p.suffix in _ENDINGS) if path.is_dir() else [path]
        if not found:
            layer.faults.append(
                Fault(str(path), 1, 1, "the folder has no `.yaml` file; add one or name another folder")
            )
        for file in found:
            _collect(read(file.read_text(encoding="utf-8"), str(file)), layer)
    except OSError as error:
        layer.faults.append(
            Fault(
                str(error.filename), 1, 1, f"cannot be read: {_lower(error.strerror)}; name a file or folder that can"
            )
        )
    except UnicodeDecodeError as error:
        layer.faults.append(Fault(str(path), 1, 1, f"is not UTF-8 text at byte {error.start}; save it as UTF-8"))
    return layer


def _lower(text: str | None) -> str:
    return (text or "unknown reason").lower()


def _collect(document: Document, layer: _Layer) -> None:
    layer.faults += document.faults
    content = document.content
    if content is None:
        return
    if not isinstance(content, dict):
        layer.faults.append(document.fault((), f"a declaration file is a mapping; use the keys {', '.join(_SECTIONS)}"))
        return
    for name in content.keys() - set(_SECTIONS):
        layer.faults.append(
            document.fault((name,), f"unknown key `{name}`{did_you_mean(name, _SECTIONS)}", at_key=True)
        )
    if content.get("version", 1) != 1:
        layer.faults.append(
            document.fault(("version",), f"version `{content['version']}` is not known; write `version: 1`")
        )
    if content.get("defaults") is not None:
        layer.defaults.append(Place(document, ("defaults",)))
    _collect_pipelines(document, layer)
    _collect_list(document, "sources", layer.sources, layer.faults)
    _collect_list(document, "kpis", layer.kpis, layer.faults)


def _collect_pipelines(document: Document, layer: _Layer) -> None:
    pipelines = document.content.get("pipelines") or {}
    if not isinstance(pipelines, dict):
        layer.faults.append(document.fault(("pipelines",), "`pipelines` must be a mapping of pipelines by their ids"))
        return
    for name in pipelines:
        _add(Place(document, ("pipelines", name)), f"pipeline `{name}`", name, layer.pipelines, layer.faults)


def _collect_list(document: Document, section: str, into: dict[str, Place], faults: list[Fault]) -> None:
    items = document.content.get(section) or []
    if not isinstance(items, list):
        faults.append(document.fault((section,), f"`{section}` must be a list; begin each item with `- key:`"))
        return
    for index, item in enumerate(items):
        place = Place(document, (section, index))
        if not isinstance(item, dict):
            faults.append(place.fault((), f"an item of `{section}` must be a mapping; begin it with `- key:`"))
        elif not isinstance(item.get("key"), str):
            faults.append(place.fault(("key",), f"an item of `{section}` needs a `key`; write `key:` and a name"))
        else:
            _add(place, f"{_NOUNS[section]} `{item['key']}`", item["key"], into, faults)


_NOUNS = {"sources": "source", "kpis": "kpi"}


def _add(place: Place, noun: str, name: str, into: dict[str, Place], faults: list[Fault]) -> None:
    if name in into:
        first = into[name].fault((), "")
        message = (
            f"{noun} is declared twice, first in {first.file} on line {first.line}; remove one or give it another name"
        )
        faults.append(place.fault(("key",), message))
    else:
        into[name] = place


# --------------------------------------------------------------------------------------------------------------- models


def _parsed(layers: Sequence[_Layer], faults: list[Fault]) -> Known:
    """Return everything that fits its model, and the names of all that is declared, whether it fits or not."""
    known = Known()
    for layer in layers:
        for place in layer.defaults:
            if parse(Defaults, place, "defaults", faults) is not None:
                known.defaults_at.append(place)
        for name, place in layer.pipelines.items():
            known.pipelines[name] = dict(_stages(name, place, faults))
            known.pipelines_at[name] = place
        for key, place in layer.sources.items():
            _put(known.sources, key, parse(Source, place, f"source `{key}`", faults))
            known.sources_at[key] = place
        for key, place in layer.kpis.items():
            _put(known.kpis, key, _kpi(key, place, faults))
            known.kpis_at[key] = place
    known.defaults = Defaults.model_validate(_deep([place.content for place in known.defaults_at]), strict=False)
    return known


def _put(into: dict[str, _M], key: str, model: _M | None) -> None:
    """Keep `model` under `key`; where it did not fit, also forget what an earlier layer had there."""
    if model is None:
        into.pop(key, None)
    else:
        into[key] = model


def _deep(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = _deep([merged[key], value]) if both else value
    return merged


def _stages(pipeline: str, place: Place, faults: list[Fault]) -> Iterator[tuple[str, Stage]]:
    if not isinstance(place.content, dict) or not place.content:
        faults.append(
            place.fault(
                (), f"pipeline `{pipeline}` has no stages; list them as `stage: {{order: 1, probability: 0.2}}`"
            )
        )
        return
    for name in place.content:
        stage = parse(
            Stage, Place(place.document, (*place.base, name)), f"stage `{name}` of pipeline `{pipeline}`", faults
        )
        if stage is not None:
            yield name, stage


def _kpi(key: str, place: Place, faults: list[Fault]) -> Kpi | None:
    written = place.content.get("type")
    model = _TYPES.get(written) if isinstance(written, str) else None
    if model is None:
        wrong = (
            f"type `{written}` is not known{did_you_mean(str(written), _TYPES)}"
            if "type" in place.content
            else (f"`type` is missing; give one of {', '.join(_TYPES)}")
        )
        faults.append(place.fault(("type",), f"kpi `{key}`: {wrong}"))
        return None
    return parse(model, place, f"kpi `{key}`", faults)  # type: ignore[return-value] # the seven of _TYPES are what a Kpi is
