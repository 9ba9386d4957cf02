"""What people can choose on a dashboard."""

from collections.abc import Mapping

from streams.dashboards.panel import datasource
from streams.dashboards.sdk import build, model
from streams.dashboards.span import Windows
from streams.titles import window_words

_ALL = "$__all"


def source_variable() -> model.VariableModel:
    """Return the choice of the data source."""
    current = model.VariableOption(text="Prometheus", value="prometheus", selected=True)
    variable = build.DatasourceVariable("datasource").label("Data source").type("prometheus").current(current)
    return variable.build()


def window_variable(windows: Windows) -> model.VariableModel:
    """Return the choice of the window, in words."""
    options = [
        model.VariableOption(text=window_words(token), value=token, selected=token == windows.default)
        for token in windows.options
    ]
    return (
        build.CustomVariable("window")
        .label("Window")
        .description("The time that the KPIs are computed over; a panel that names another one has that one only.")
        .values(",".join(f"{option.text} : {option.value}" for option in options))
        .options(options)
        .current(next(option for option in options if option.selected))
        .multi(False)
        .include_all(False)
        .allow_custom_value(False)
        .build()
    )


def label_variable(name: str, label: str, query: str, about: str) -> model.VariableModel:
    """Return the choice of the values of a label that `query` finds: several, or all."""
    return (
        build.QueryVariable(name)
        .label(label)
        .description(about)
        .datasource(datasource())
        .query({"query": query, "refId": name, "qryType": 1})
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .allow_custom_value(False)
        .current(model.VariableOption(text=["All"], value=[_ALL], selected=True))
        .build()
    )


def filter_variables(metrics: Mapping[str, str]) -> list[model.VariableModel]:
    """Return the choices of dimensions, given by each a metric that knows its values."""
    return [
        label_variable(
            name,
            name.capitalize(),
            f"label_values({metric}, {name})",
            f"Narrows the panels that are told by {name}; figures of the whole company stay as they are.",
        )
        for name, metric in metrics.items()
    ]
