"""Read the declaration files, in layers, into one validated whole; report every fault at once.

A layer is the shipped catalogue, or one file or folder that was given. A later layer replaces the sources, KPIs and
pipelines of the same name, and adds to `defaults` and `overview`.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

from config.check import check
from config.check_overview import shown_overview
from config.check_reference import GROUPS_OFF
from config.declarations import (
    Conversion,
    Declarations,
    Defaults,
    Derived,
    Group,
    Kpi,
    KpiBase,
    Measure,
    Membership,
    Overview,
    Population,
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
_SECTIONS = ("version", "defaults", "overview", "groups", "pipelines", "populations", "sources", "kpis")
_MAPPED = ("groups", "pipelines", "populations")
"""The sections that are mappings by name; the other ones are lists, whose items have a `key`."""
_TYPES: Mapping[str, type[KpiBase]] = {
    "measure": Measure,
    "state": State,
    "ratio": Ratio,
    "derived": Derived,
    "conversion": Conversion,
    "membership": Membership,
    "share": Share,
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_T = TypeVar("_T")


@dataclass
class _Layer:
    """What one layer declares, by name, and what is wrong with its writing."""

    defaults: list[Place] = field(default_factory=list)
    overview: list[Place] = field(default_factory=list)
    groups: dict[str, Place] = field(default_factory=dict)
    pipelines: dict[str, Place] = field(default_factory=dict)
    populations: dict[str, Place] = field(default_factory=dict)
    sources: dict[str, Place] = field(default_factory=dict)
    kpis: dict[str, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def load(paths: Sequence[Path] = (), *, shipped: bool = True, groups_off: Sequence[str] = ()) -> Declarations:
    """Return the declarations of the shipped catalogue and of `paths`, files or folders, where a later one wins.

    Args:
        paths: Files, or folders whose `.yaml` and `.yml` files are read in the order of their names.
        shipped: Whether to begin with the catalogue that comes with salespulse.
        groups_off: Groups whose KPIs are left out, whatever is wrong with them.

    Raises:
        DeclarationFaults: Anything is wrong anywhere; it holds every fault with file, line and column.
    """
    layers = [*([_shipped()] if shipped else []), *(_layer(path) for path in paths)]
    faults = [fault for layer in layers for fault in layer.faults]
    known = _parsed(layers, frozenset(groups_off), faults)
    faults += _unknown_groups(groups_off, known)
    faults += check(known)
    if faults:
        raise DeclarationFaults(faults)
    return Declarations(
        defaults=known.defaults,
        overview=shown_overview(known),
        groups=known.groups,
        pipelines=known.pipelines,
        populations=known.populations,
        sources=known.sources,
        kpis={key: _without_companions(kpi, known.off) for key, kpi in known.kpis.items()},
    )


def _unknown_groups(groups_off: Sequence[str], known: Known) -> Iterator[Fault]:
    for group in groups_off:
        if group not in known.groups_at:
            wrong = f"group `{group}` is not declared{did_you_mean(group, known.groups_at)}"
            yield Fault(GROUPS_OFF, 0, 0, wrong)


def _without_companions(kpi: Kpi, off: Container[str]) -> Kpi:
    """Return `kpi` without the companions that are switched off: they are shown with it, not computed into it."""
    left = tuple(companion for companion in kpi.companions if companion not in off)
    return kpi if left == kpi.companions else kpi.model_copy(update={"companions": left})


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
    for section, places in (("defaults", layer.defaults), ("overview", layer.overview)):
        if content.get(section) is not None:
            places.append(Place(document, (section,)))
    for section in _MAPPED:
        _collect_mapping(document, section, getattr(layer, section), layer.faults)
    _collect_list(document, "sources", layer.sources, layer.faults)
    _collect_list(document, "kpis", layer.kpis, layer.faults)


def _collect_mapping(document: Document, section: str, into: dict[str, Place], faults: list[Fault]) -> None:
    found = document.content.get(section) or {}
    if not isinstance(found, dict):
        faults.append(document.fault((section,), f"`{section}` must be a mapping of {section} by their ids"))
        return
    for name in found:
        if not _NAME.fullmatch(name):
            wrong = f"`{name}` does not fit; write small letters, digits and underscores, a letter first"
            faults.append(document.fault((section, name), f"{section}: {wrong}", at_key=True))
            continue
        _add(Place(document, (section, name)), f"{_NOUNS[section]} `{name}`", name, into, faults)


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


_NOUNS = {
    "sources": "source",
    "kpis": "kpi",
    "pipelines": "pipeline",
    "populations": "population",
    "groups": "group",
}


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


def _parsed(layers: Sequence[_Layer], groups_off: Container[str], faults: list[Fault]) -> Known:
    """Return everything that fits its model, and the names of all that is declared, whether it fits or not.

    Of the KPIs of `groups_off` only the names are looked at.
    """
    known = Known()
    for number, layer in enumerate(layers):
        known.defaults_at += [p for p in layer.defaults if parse(Defaults, p, "defaults", faults) is not None]
        known.overview_at += [(number, p) for p in layer.overview if parse(Overview, p, "overview", faults) is not None]
        known.kpi_layers |= dict.fromkeys(layer.kpis, number)
        for name, place in layer.pipelines.items():
            known.pipelines[name] = dict(_stages(name, place, faults))
            known.pipelines_at[name] = place
        for name, place in layer.groups.items():
            _put(known.groups, name, parse(Group, place, f"group `{name}`", faults))
            known.groups_at[name] = place
        for name, place in layer.populations.items():
            _put(known.populations, name, parse(Population, place, f"population `{name}`", faults))
            known.populations_at[name] = place
        for key, place in layer.sources.items():
            _put(known.sources, key, parse(Source, place, f"source `{key}`", faults))
            known.sources_at[key] = place
        for key, place in layer.kpis.items():
            group = place.content.get("group")
            is_off = isinstance(group, str) and group in groups_off
            _put(known.off, key, group if is_off else None)
            _put(known.kpis, key, None if is_off else _kpi(key, place, faults))
            known.kpis_at[key] = place
    known.defaults = Defaults.model_validate(_deep([place.content for place in known.defaults_at]), strict=False)
    known.overview = Overview.model_validate(_deep([place.content for _, place in known.overview_at]), strict=False)
    return known


def _put(into: dict[str, _T], key: str, found: _T | None) -> None:
    """Keep what was `found` under `key`; where it is nothing, also forget what an earlier layer had there."""
    if found is None:
        into.pop(key, None)
    else:
        into[key] = found


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
