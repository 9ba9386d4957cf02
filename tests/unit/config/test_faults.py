"""Every fault that a declaration can have, its text and its place: a `§` in the text marks where the fault must be."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.config.declared import KPIS, QUOTE, SHOP, cases, expect, faults_of, kpi, source, written

MEANINGS = [case for name in ("aggregates", "windows", "types", "grains", "shown") for case in cases(name)]


def named(case: dict[str, Any]) -> str:
    return f"{case.get('base', '')}: {case['fault']}"


@pytest.mark.parametrize("case", [*cases("form")], ids=named)
def test_a_fault_of_a_kpi_s_form_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, kpi(case["base"], **case["change"]), f"kpi `x`: {case['fault']}")


@pytest.mark.parametrize("case", MEANINGS, ids=named)
def test_a_fault_of_a_kpi_s_meaning_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, kpi(case["base"], **case["change"]), f"kpi `x`: {case['fault']}", also=case.get("also", ""))


@pytest.mark.parametrize("case", [*cases("sources"), *cases("derived")], ids=named)
def test_a_fault_of_a_source_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, source(**case["change"]), f"source `quote`: {case['fault']}")


@pytest.mark.parametrize("case", [*cases("populations")], ids=named)
def test_a_fault_of_a_population_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, f"populations:\n  p: {case['text']}\n", f"population `p`: {case['fault']}")


@pytest.mark.parametrize("base", KPIS)
def test_the_declarations_that_are_broken_here_are_sound(base: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, kpi(base), source()) == []


# ----------------------------------------------------------------------------------------------------------------- form


def test_a_missing_key_stands_at_the_declaration(tmp_path: Path) -> None:
    types = "measure, state, ratio, derived, conversion, membership, share"
    fault = f"0.yaml:2:5: kpi `x`: `type` is missing; give one of {types}"
    assert faults_of(tmp_path, kpi("measure", at=None, type=None)) == [fault]
    assert faults_of(tmp_path, kpi("measure", at=None)) == ["0.yaml:2:5: kpi `x`: `at` is missing; add it"]


def test_an_unknown_key_stands_at_the_key(tmp_path: Path) -> None:
    misspelt = written("kpis", "x", {**KPIS["measure"], "§wher": "{}"})
    expect(tmp_path, misspelt, "kpi `x`: unknown key `wher`; did you mean `where`?")
    twice = "{duration: {from: created_at, to: closed_at, negative: clamp}, §negative: clamp}"
    known = "age_of, dated, distinct, duration, latest, max_age, money, number, times, weight"
    expect(tmp_path, kpi("seconds", value=twice), f"kpi `x`: unknown key `negative` in `value`; use one of {known}")


def test_a_broken_declaration_is_no_unknown_name(tmp_path: Path) -> None:
    """One fault is reported once: what refers to a broken declaration is not blamed."""
    broken = written("kpis", "y", {"type": "mesure"})
    uses = kpi("ratio", numerator="{kpi: y}").removeprefix("kpis:\n")
    assert faults_of(tmp_path, broken + uses) == [
        "0.yaml:3:11: kpi `y`: type `mesure` is not known; did you mean `measure`?"
    ]


@pytest.mark.parametrize(
    ("broken", "uses"),
    [
        ("sources:\n  - {key: deal}\n", kpi("ratio", denominator="{kpi: revenue}", unit="none", grains="[[team]]")),
        ("sources:\n  - {key: deal}\n", kpi("exits", grains="[[stage]]")),
        ("sources:\n  - {key: deal}\n", source(children="{a: {from: deal, parent: b, at: c, carry: [d]}}",
                                               derived="{e: {first: {own: state, over: a, take: d}}}",
                                               dimensions="{e: e, d: a.d}")),
        ("sources:\n  - {key: customer}\n", kpi("active", grains="[[segment]]")),
        ("sources:\n  - {key: measurement}\n", kpi("named")),
        ("sources:\n  - {key: deal}\n", kpi("state", from_="lead", where="{region: north}")),
        ("populations:\n  customer_active: {}\n", kpi("membership", output="end", unit="money")),
        ("populations:\n  customer_active: {}\n", kpi("active", agg="sum", from_="deal")),
        ("populations:\n  rep_employed: {}\n", kpi("share")),
        ("kpis:\n  - {key: revenue, type: measure}\n", kpi("share")),
        ("kpis:\n  - {key: revenue, type: measure}\n",
         kpi("derived", inputs="{a: {kpi: revenue, offset: previous}, b: {kpi: won}}")),
        ("kpis:\n  - {key: indicator, type: state}\n",
         kpi("derived", inputs="{a: {kpi: indicator, offset: year}, b: {kpi: open_deals}}", windows="[now]")),
    ],
)  # fmt: skip
def test_what_uses_something_broken_is_not_blamed(broken: str, uses: str, tmp_path: Path) -> None:
    found = faults_of(tmp_path, broken, uses)
    assert found
    assert [fault for fault in found if not fault.startswith("0.yaml")] == []


# -------------------------------------------------------------------------------------------------------------- sources


def test_the_words_of_python_may_name_fields(tmp_path: Path) -> None:
    fields = {
        "from": "{type: timestamp}",
        "is": "{type: list, fields: {in: {type: string}}}",
        "as": "{type: object, fields: {or: {type: integer}}}",
    }
    text = source(fields=f"{{{', '.join(f'{name}: {field}' for name, field in fields.items())}}}", exists_from="from")
    assert faults_of(tmp_path, text + "    dimensions: {word: is.in, choice: as.or}\n") == []


def test_a_derived_field_may_continue_the_field_of_its_name(tmp_path: Path) -> None:
    children = "{wins: {from: deal, parent: lead_id, at: closed_at, carry: [region]}}"
    derived = (
        "{seen_at: {least: {own: [seen_at], over: [wins]}}, state: {first: {own: state, over: wins, take: region}}, "
        "sent_at: {coalesce: [seen_at, sent_at]}, size: {stage_probability: {own: size, pipeline: state, stage: mood}}}"
    )
    assert faults_of(tmp_path, source(children=children, derived=derived)) == []


def test_all_ways_of_deriving_a_field_have_their_type(tmp_path: Path) -> None:
    children = "{wins: {from: deal, parent: lead_id, at: closed_at, carry: [region, score]}}"
    derived = {
        "instant": "{least: {over: [wins]}}",
        "number": "{first: {over: wins, take: score}}",
        "choice": "{coalesce: [seen_at, sent_at]}",
        "begun": "{earliest: monthly.from}",
        "chance": "{stage_probability: {own: size, pipeline: state, stage: mood}}",
        "exits": "{stage_exits: {entered: stages, pipeline: state, status: mood, closed_at: seen_at}}",
        "entered": "{entry: {times: stages, key: mood}}",
        "monthly": "{per_month: {phases: phases, ended_at: seen_at}}",
        "day": "{local_date: choice}",
        "over": "{instant_of: {date: day, edge: day_end}}",
        "late": '{compare: {left: day, op: ">=", right: due_on}}',
    }
    text = source(children=children, derived=f"{{{', '.join(f'{name}: {way}' for name, way in derived.items())}}}")
    text += "    currency: mood\n    dimensions: {number: number, late: late, stage: exits.stage}\n"
    wrong = {
        "instant": "timestamp", "number": "integer", "choice": "timestamp", "begun": "timestamp", "chance": "decimal",
        "exits": "list", "entered": "timestamp", "monthly": "list", "day": "date", "over": "timestamp",
        "late": "boolean", "monthly.amount_minor": "money", "exits.forward": "boolean",
    }  # fmt: skip
    assert faults_of(tmp_path, text) == []
    for path, kind in wrong.items():
        asked = kpi("measure", from_="quote", at="sent_at", value=f"{{distinct: {path}}}", agg="count_distinct")
        said = [fault.partition("kpi `x`: ")[2] for fault in faults_of(tmp_path, text, asked)]
        labels = "name a field of type boolean or enum or integer or string"
        if kind in {"boolean", "integer"}:
            assert all("is of type" not in fault for fault in said)
        else:
            assert f"field `{path}` is of type {kind}; {labels}" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"interval_count": None}, "a phase needs `interval_count`, integer and required; declare it so"),
        (
            {"interval_count": "{type: integer, minimum: 1}"},
            "a phase needs `interval_count`, integer and required; declare it so",
        ),
        ({"interval_count": "{type: integer, required: true}"}, "`interval_count` may be 0; declare `minimum: 1`"),
        ({"from": "{type: date, required: true}"}, "a phase needs `from`, timestamp and required; declare it so"),
        ({"to": None}, "a phase needs `to`, timestamp; declare it so"),
        ({"currency": "{type: string}"}, "a phase needs `currency`, string or enum and required; declare it so"),
        ({"interval": "{type: string, required: true}"}, "a phase needs `interval`, enum and required; declare it so"),
        (
            {"interval": "{type: enum, values: [month, decade], required: true}"},
            "`interval` may be `decade`, which is no part of a calendar; use day, month, quarter, week, year",
        ),
    ],
)  # fmt: skip
def test_a_phase_has_what_an_amount_per_month_needs(
    change: Mapping[str, str | None], says: str, tmp_path: Path
) -> None:
    phase: dict[str, str | None] = {
        "from": "{type: timestamp, required: true}",
        "to": "{type: timestamp}",
        "amount_minor": "{type: money, required: true}",
        "currency": "{type: string, required: true}",
        "interval": "{type: enum, values: [month], required: true}",
        "interval_count": "{type: integer, required: true, minimum: 1}",
        **change,
    }
    inner = ", ".join(f"{name}: {field}" for name, field in phase.items() if field is not None)
    fields = f"{{phases: {{type: list, fields: {{{inner}}}}}}}"
    text = source(fields=fields, derived="{a: {per_month: {phases: §phases}}}")
    expect(tmp_path, text, f"source `quote`: list `phases`: {says}")


@pytest.mark.parametrize(
    ("key", "field", "kinds"),
    [
        ("plan", "kind", "string or enum and required"),
        ("plan", "metric", "string or enum and required"),
        ("plan", "period", "string and required"),
        ("plan", "amount_minor", "money"),
        ("plan", "currency", "string or enum"),
        ("plan", "value", "decimal or integer"),
        ("plan", "submitted_at", "timestamp and required"),
        ("fx_rate", "base", "string or enum and required"),
        ("fx_rate", "quote", "string or enum and required"),
        ("fx_rate", "rate_date", "date and required"),
        ("fx_rate", "rate", "decimal and required"),
    ],
)
def test_what_is_looked_up_has_the_fields_for_it(key: str, field: str, kinds: str, tmp_path: Path) -> None:
    shop = YAML(typ="safe").load(SHOP)
    (fields,) = [source["fields"] for source in shop["sources"] if source["key"] == key]
    del fields[field]
    lines = {"topic": "other", "broadcast": "true", "fields": json.dumps(fields)}
    (fault,) = [f for f in faults_of(tmp_path, written("sources", key, lines)) if f.startswith("0.yaml:5:13")]
    name = "plan" if key == "plan" else "rate"
    assert fault == f"0.yaml:5:13: source `{key}`: a {name} needs `{field}`, {kinds}; declare it so"


def test_plans_are_broadcast(tmp_path: Path) -> None:
    shop = YAML(typ="safe").load(SHOP)
    (fields,) = [source["fields"] for source in shop["sources"] if source["key"] == "plan"]
    lines = {"topic": "plans", "fields": json.dumps(fields), "dimensions": "{rep: rep_id, team: team_id}"}
    assert faults_of(tmp_path, written("sources", "plan", lines)) == [
        "0.yaml:2:5: source `plan`: source `plan` has the plans, which are looked up; declare it `broadcast: true`"
    ]


def test_an_entity_that_only_its_children_name_has_no_field_to_bound_them(tmp_path: Path) -> None:
    text = source(
        implied="true",
        children="{wins: {from: deal, parent: lead_id, at: closed_at}}",
        derived="{a: {least: {over: [wins], not_before: {field: §sent_at}}}}",
    )
    said = "field `sent_at` may be missing, and would then bound nothing; name a field that every `quote` must have"
    expect(tmp_path, text, f"source `quote`: {said}")


def test_what_ends_an_interval_is_carried_at_one_place(tmp_path: Path) -> None:
    children = (
        "{first: {from: subscription, parent: customer_id, at: paid_from, carry: [ended_at, product_id]}, "
        "second: {from: subscription, parent: customer_id, at: paid_from, carry: [product_id, ended_at]}}"
    )
    population = "populations:\n  p: {from: quote, intervals: [{over: [first, second], ends: §ended_at}]}\n"
    wrong = (
        "children `first` and `second` carry `ended_at` at different places; list it at the same place in each `carry`"
    )
    expect(tmp_path, population + source(children=children), f"population `p`: {wrong}")


def test_amounts_are_split_by_one_dimension(tmp_path: Path) -> None:
    told = "{paid: {from: subscription, parent: customer_id, at: paid_from, carry: [monthly, product_id, plan_id]}}"
    population = "populations:\n  p: {from: quote, amounts: §paid.monthly}\n"
    dimensions = "{product: paid.product_id, plan: {field: paid.plan_id}}"
    wrong = "amounts of `paid` are split by one dimension at most, and `product` and `plan` would all split them"
    text = population + source(children=told, dimensions=dimensions)
    expect(tmp_path, text, f"population `p`: {wrong}; keep one of them")


# ----------------------------------------------------------------------------------------------------------------- KPIs


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ("measure", {"at": "closed_on", "windows": "[7d, prev_month]"}),
        ("measure", {"at": "exits.at", "where": "{exits.forward: true, status: won}", "grains": "[[stage], [team]]"}),
        ("measure", {"at": "lines.billed_at", "where": "{lines.product_id: {exists: true}}", "grains": "[[product]]"}),
        ("measure", {"agg": "count_distinct", "value": "{distinct: region}", "windows": "[1h, 30d]"}),
        ("measure", {"where": "{closed_at: {passed: true}, score: {gte: 1, lt: 9}}"}),
        ("measure", {"where": "{terms.days: {gt: 5}}"}),
        ("number", {"agg": "[mean, p50, p99]"}),
        ("number", {"agg": "[min, max]", "value": "{number: values.number, times: values.number}"}),
        ("number", {"from_": "deal", "at": "closed_at", "agg": "p90", "value": "{number: score}"}),
        ("number", {"agg": "mean", "per": "location", "then": "sum", "grains": "[[], [region]]"}),
        ("money", {"from_": "measurement", "at": "on_date", "value": "{money: values.worth_minor}",
                   "require": "records"}),
        ("seconds", {"agg": "[min, max, mean, p90]"}),
        ("age", {"agg": "[mean, max]"}),
        ("latest", {"value": "{latest: values.number, dated: on_date, max_age: 90d}",
                    "grains": "[[region], [series]]"}),
        ("state", {"from_": "customer", "agg": "count_distinct", "value": "{distinct: segment}"}),
        ("active", {"active": "customer_mrr", "agg": "sum", "unit": "money", "grains": "[[], [product], [segment]]"}),
        ("exits", {"grains": "[[], [stage], [team]]"}),
        ("resolved", {"cohort": "to_date"}),
        ("membership", {"output": "end", "unit": "none", "windows": "[now, 1h, 24h, 30d]", "grains": "[[segment]]"}),
        ("membership", {"population": "customer_mrr", "output": "net_change", "unit": "money"}),
        ("membership", {"population": "customer_mrr", "grains": "[[product]]"}),
        ("share", {"grains": "[[], [team]]", "windows": "[mtd, qtd, ytd, prev_month, prev_quarter]"}),
        ("ratio", {"denominator": "{membership: {population: rep_employed, output: end}}", "windows": "[1h, now, mtd]",
                   "numerator": "{membership: {population: customer_active, output: end}}"}),
        ("ratio", {"grains": "[[team, stage]]", "numerator": "{kpi: won}",
                   "denominator": "{membership: {population: rep_employed, output: end}, broadcast: [stage]}"}),
        ("ratio", {"numerator": "{kpi: stock_worth}", "unit": "money", "grains": "[[region]]"}),
        ("derived", {"inputs": "{a: {kpi: revenue}, b: {measure: {from: deal, at: created_at}, offset: previous}}"}),
        ("derived", {"inputs": "{a: {state: {from: deal}, window: now}, b: {kpi: won, window: 24h}}"}),
        ("derived", {"inputs": "{a: {kpi: open_deals}, b: {plan: {kind: target, metric: revenue}, window: mtd}}",
                     "windows": "[now]", "require": '{"b - a": positive, b: nonzero}'}),
        ("derived", {"inputs": "{a: {kpi: revenue}, b: {plan: {kind: quota, metric: revenue, scope: rep}}}",
                     "grains": "[[rep], [rep, stage]]"}),
        ("derived", {"inputs": "{a: {membership: {population: rep_employed, output: start}}, b: {kpi: churn}}"}),
        ("derived", {"inputs": "{a: {kpi: indicator, offset: year}, b: {kpi: indicator}}", "windows": "[now]",
                     "grains": "[[series]]"}),
        ("derived", {"inputs": "{a: {kpi: customers}, b: {state: {from: measurement, agg: latest, value: "
                               "{latest: values.number, dated: on_date}}, offset: year}}",
                     "windows": "[now]", "grains": "[[region]]"}),
        ("derived", {"expr": "max(0, 1 - abs(-a + b) / 2.5, min(a, b))"}),
        ("named", {"agg": "latest", "value": "{latest: values.number, dated: on_date}"}),
        ("money", {"windows": "[mtd, 30d]", "grains": "[{by: [rep], windows: [mtd]}]",
                   "targets": "[{window: mtd, grain: [rep], from_plan: {kind: quota, metric: revenue, scope: rep}}]"}),
    ],
)  # fmt: skip
def test_what_can_be_computed_is_not_refused(base: str, change: Mapping[str, str], tmp_path: Path) -> None:
    assert faults_of(tmp_path, kpi(base, **change)) == []


@pytest.mark.parametrize(
    ("dimension", "value", "mend"), [("mood", "god", "did you mean `good`?"), ("tone", "soft", "use one of loud")]
)
def test_only_the_values_of_a_closed_dimension_can_have_a_metric(
    dimension: str, value: str, mend: str, tmp_path: Path
) -> None:
    text = source(dimensions="{mood: mood, tone: {field: state, values: [loud]}}")
    named = f"{{dimension: {dimension}, prefix: local, values: {{{value}: {{title: {{en: A, nl: A}}}}}}}}"
    (fault,) = faults_of(tmp_path, text, kpi("named", from_="quote", grains=f"[[{dimension}]]", named=named))
    assert fault.endswith(f"kpi `x`: dimension `{dimension}` is never `{value}`; {mend}")


def test_plans_need_their_source(tmp_path: Path) -> None:
    events = written("sources", "deal", {**QUOTE, "currency": "state", "dimensions": "{team: state}"})
    base = {
        **KPIS["money"], "at": "sent_at", "value": "{money: sum_minor}", "windows": "[mtd]", "grains": "[[team]]",
        "targets": "[{window: mtd, grain: [team], from_plan: {kind: target, metric: x}}]",
    }  # fmt: skip
    (fault,) = faults_of(tmp_path, events + written("kpis", "x", base), shop=False)
    assert fault.endswith("kpi `x`: target: there is no source `plan` to look plans up in; declare it")


@pytest.mark.parametrize("ending", ["_numerator", "_denominator", "_samples", "_target"])
def test_a_key_must_not_look_like_a_companion(ending: str, tmp_path: Path) -> None:
    wrong = f"key `x{ending}` ends with `{ending}`, as the companions of a metric do; give it another name"
    found = faults_of(tmp_path, written("kpis", f"x{ending}", KPIS["measure"]))
    assert found == [f"0.yaml:2:10: kpi `x{ending}`: {wrong}"]


def test_a_key_must_not_look_like_a_metric_of_the_service(tmp_path: Path) -> None:
    wrong = "key `kpi_x` begins with `kpi_`, which the service's own metrics do; give it another name"
    assert faults_of(tmp_path, written("kpis", "kpi_x", KPIS["measure"])) == [f"0.yaml:2:10: kpi `kpi_x`: {wrong}"]


@pytest.mark.parametrize(
    ("key", "base", "name", "owner"),
    [
        ("revenue_by_product", "money", "sales_revenue_by_product_money", "revenue"),
        ("sales_win_rate_ratio", "measure", "sales_win_rate_ratio", "win_rate"),
        ("win_rate_numerator_by_team", "measure", "sales_win_rate_numerator_by_team", "win_rate"),
        ("churn_denominator_by_segment", "measure", "sales_churn_denominator_by_segment", "churn"),
        ("cycle_p50", "seconds", "sales_cycle_p50_seconds", "cycle"),
        ("cycle_samples_by_team", "measure", "sales_cycle_samples_by_team", "cycle"),
        ("market_inflation_ratio", "measure", "sales_market_inflation_ratio", "indicator"),
        ("market_inflation_growth", "exits", "sales_market_inflation_growth_ratio", "indicator_growth"),
    ],
)
def test_two_kpis_have_no_metric_in_common(key: str, base: str, name: str, owner: str, tmp_path: Path) -> None:
    message = f"its metric `{name}` is also one of kpi `{owner}`; give one of them another key"
    found = faults_of(tmp_path, written("kpis", key, {**KPIS[base], "grains": "[[]]"}))
    assert found == [f"0.yaml:2:10: kpi `{key}`: {message}"]


def test_a_circle_of_inputs_is_named_once(tmp_path: Path) -> None:
    first = kpi("ratio", numerator="{kpi: z}", unit="none")
    second = written("kpis", "z", {**KPIS["derived"], "inputs": "{a: {kpi: x}}", "expr": "a + 1", "unit": "none"})
    assert faults_of(tmp_path, first + second.removeprefix("kpis:\n")) == [
        "0.yaml:2:10: kpi `x`: its inputs go round in a circle, `x` → `z` → `x`; take one of them out"
    ]


def test_a_kpi_that_uses_itself_is_a_circle(tmp_path: Path) -> None:
    text = kpi("ratio", numerator="{kpi: x}", unit="none", grains="[[team]]")
    assert faults_of(tmp_path, text) == [
        "0.yaml:2:10: kpi `x`: its inputs go round in a circle, `x` → `x`; take one of them out"
    ]


def test_a_circle_is_no_reason_to_look_for_ever(tmp_path: Path) -> None:
    """Windows, offsets and metrics of values are looked for through what a KPI is made of."""
    inputs = "{a: {kpi: x, offset: previous}, b: {kpi: x, window: 30d}}"
    found = faults_of(tmp_path, kpi("derived", inputs=inputs, unit="none", grains="[[team]]"))
    assert [fault for fault in found if "circle" in fault] == [
        "0.yaml:2:10: kpi `x`: its inputs go round in a circle, `x` → `x`; take one of them out"
    ]


def test_a_limit_is_of_a_dimension_that_some_source_has(tmp_path: Path) -> None:
    expect(tmp_path, "defaults:\n  dimension_limits: {region: 5, §regio: 5}\n", wrong_limit("regio"))
    assert faults_of(tmp_path, "defaults: {dimension_limit: 7, dimension_limits: {region: 5, currency: 9}}\n") == []


def wrong_limit(name: str) -> str:
    return f"defaults: no source has a dimension `{name}`; did you mean `region`?"
