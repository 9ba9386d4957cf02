"""Panels that are tables."""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from streams.dashboards.colours import Step, judged
from streams.dashboards.form import Form
from streams.dashboards.panel import Heading, Scale, finish_table, threshold_steps
from streams.dashboards.query import Query
from streams.dashboards.sdk import kinds, look, model, table

_NARROWEST = 80
"""The width of a column in pixels that is never gone below: the table is scrolled instead."""
_PLAIN = Scale(Form("string", 0), (Step(None, "text"),))


class Column(NamedTuple):
    """A column of values.

    Attributes:
        title: its heading.
        expr: the expression of its values, with the labels of the rows.
        scale: how they are written; a bar is drawn behind them where it says how far bars go.
    """

    title: str
    expr: str
    scale: Scale


def rows(
    heading: Heading, labels: Sequence[tuple[str, str]], columns: Sequence[Column], most: int | None = None
) -> model.Panel:
    """Return a table of the rows that `labels` (name, heading) tell apart, the greatest of the first column first.

    With several columns there can be one label only: it is what joins them. No more than `most` rows are shown.
    """
    letters = ascii_uppercase[: len(columns)]
    kept = [name for name, _ in labels] + ["Value( #[A-Z])?"]
    panel = (
        table.Panel()
        .with_transformation(_transformation("filterFieldsByName", include={"pattern": f"^({'|'.join(kept)})$"}))
        .cell_height(kinds.TableCellHeight.SM)
        .show_header(True)
        .min_width(_NARROWEST)
        .sort_by([look.TableSortByFieldState().display_name(columns[0].title).desc(True)])
    )
    if len(columns) > 1:
        panel.with_transformation(_transformation("joinByField", byField=labels[0][0], mode="outer"))
    titles = dict(labels)
    titles |= {f"Value #{letter}": column.title for letter, column in zip(letters, columns, strict=True)}
    titles["Value"] = columns[0].title  # how Grafana calls the values of a query that is alone
    panel.with_transformation(_renamed(titles))
    if most is not None:
        panel.with_transformation(_transformation("sortBy", sort=[{"field": columns[0].title, "desc": True}]))
        panel.with_transformation(_transformation("limit", limitField=most))
    for column in columns:
        panel.override_by_name(column.title, _cell(column.scale))
    queries = [Query(column.expr, instant=True) for column in columns]
    return finish_table(panel, heading, queries, columns[0].scale)


class Words(NamedTuple):
    """A column of words.

    Attributes:
        label: the label that it shows, or `Value`.
        title: its heading.
        colours: by value.
        url: where a click on it leads to.
        width: in pixels; what is left by the others if it has none.
    """

    label: str
    title: str
    colours: Mapping[str, str] = {}
    url: str = ""
    width: int | None = None


def words(heading: Heading, expr: str, columns: Sequence[Words], nothing: str) -> model.Panel:
    """Return a table of labels in the order of the answer, which says `nothing` when there are no rows."""
    names = {column.label: column.title for column in columns}
    panel = (
        table.Panel()
        .with_transformation(_transformation("filterFieldsByName", include={"names": list(names)}))
        .with_transformation(_renamed(names))
        .cell_height(kinds.TableCellHeight.SM)
        .show_header(True)
    )
    for column in columns:
        panel.override_by_name(column.title, list(_told(column)))
    return finish_table(panel, heading, [Query(expr, instant=True)], _PLAIN, nothing)


def _told(column: Words) -> Iterator[model.DynamicConfigValue]:
    """Yield the overrides of a column of words."""
    if column.url:
        behind = {"title": column.title, "url": column.url, "targetBlank": True}
        yield model.DynamicConfigValue("links", [behind])
    if column.width is not None:
        yield model.DynamicConfigValue("custom.width", column.width)
    if column.colours:
        results = {
            value: {"color": colour, "index": place} for place, (value, colour) in enumerate(column.colours.items())
        }
        yield model.DynamicConfigValue("mappings", [{"type": "value", "options": results}])
        yield model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})


def _cell(scale: Scale) -> list[model.DynamicConfigValue]:
    """Return the overrides of a column of values."""
    found = [
        model.DynamicConfigValue("custom.wrapHeaderText", True),
        model.DynamicConfigValue("unit", scale.form.unit),
        model.DynamicConfigValue("decimals", scale.form.decimals),
        model.DynamicConfigValue("thresholds", threshold_steps(scale.colours).build().to_json()),
        model.DynamicConfigValue("color", {"mode": "thresholds"}),
    ]
    if scale.most is not None:
        bar = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        limits = (("min", scale.least), ("max", scale.most))
        return [
            *found,
            model.DynamicConfigValue("custom.cellOptions", bar),
            *(model.DynamicConfigValue(name, limit) for name, limit in limits),
        ]
    if judged(scale.colours):
        found.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return found


def _transformation(name: str, **options: Any) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(name, options=options)


def _renamed(titles: Mapping[str, str]) -> model.DataTransformerConfig:
    """Return what puts the columns in the order of `titles`, and gives them these headings."""
    order = {name: place for place, name in enumerate(titles)}
    return _transformation("organize", excludeByName={}, indexByName=order, renameByName=dict(titles))
