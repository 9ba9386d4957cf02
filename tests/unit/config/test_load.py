"""Every fault that the loader knows, its text and its place: a `§` in the text marks where the fault must be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.load import DeclarationFaults, Fault, load

LATER = "is not computed yet; remove the declaration or wait for a release that has it"
MEND = "mend the indentation, quotes or brackets here"
CASES: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load(Path(__file__).with_name("faults.yaml"))

COMMON = {"title": "{en: X, nl: X}", "group": "g", "unit": "none", "grains": "[[]]"}
MEASURE = {"type": "measure", **COMMON, "from": "deal", "at": "closed_at", "agg": "count", "windows": "[30d]"}
MONEY = {**MEASURE, "agg": "sum", "unit": "money", "value": "{money: lines.amount_minor}"}
SPAN = {**MEASURE, "agg": "mean", "unit": "seconds", "value": "{duration: {from: created_at, to: closed_at}}"}
STATE = {"type": "state", **COMMON, "from": "deal", "agg": "count"}
RATIO = {
    "type": "ratio",
    **COMMON,
    "unit": "ratio",
    "windows": "[30d]",
    "numerator": "{kpi: opportunities_won}",
    "denominator": "{kpi: opportunities_generated}",
}
DERIVED = {
    "type": "derived",
    **COMMON,
    "unit": "money",
    "windows": "[mtd]",
    "inputs": "{a: {kpi: revenue}, b: {kpi: opportunities_won}}",
    "expr": "a / b",
}
CONVERSION = {
    "type": "conversion",
    **COMMON,
    "unit": "ratio",
    "windows": "[30d]",
    "within": "14d",
    "cohort": "matured",
    "base": "{from: lead, at: created_at}",
    "event": "{field: first_win_at}",
}
MEMBERSHIP = {**COMMON, "type": "membership", "windows": "[30d]", "population": "customer_active", "output": "start"}
SHARE = {
    "type": "share",
    **COMMON,
    "windows": "[mtd]",
    "members": "{from: rep}",
    "actual": "{kpi: revenue, by: rep}",
    "plan": "{kind: quota, metric: revenue, scope: rep}",
}
SOURCE = {"topic": "quotes", "fields": "{sent_at: {type: timestamp}, sum_minor: {type: money}, state: {type: string}}"}
BASES = {
    "measure": MEASURE,
    "money": MONEY,
    "seconds": SPAN,
    "state": STATE,
    "ratio": RATIO,
    "derived": DERIVED,
    "conversion": CONVERSION,
    "membership": MEMBERSHIP,
    "share": SHARE,
}


def written(section: str, key: str, lines: Mapping[str, str | None]) -> str:
    body = "".join(f"    {name}: {text}\n" for name, text in lines.items() if text is not None)
    return f"{section}:\n  - key: {key}\n{body}"


def faults_of(folder: Path, *texts: str, shipped: bool = True) -> list[str]:
    """Load the texts, one layer each, and return the faults with the files' bare names."""
    paths = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    try:
        load(paths, shipped=shipped)
    except DeclarationFaults as found:
        return [str(fault).replace(f"{folder}/", "") for fault in found.faults]
    return []


def expect(folder: Path, marked: str, message: str) -> None:
    """Load a text with one mark and expect one fault, there."""
    before = marked[: marked.index("§")]
    place = f"0.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert [f"{place}: {message}"] == faults_of(folder, marked.replace("§", ""))


def changed(case: dict[str, Any]) -> str:
    return kpi(BASES[case["base"]], **case["change"])


def kpi(base: Mapping[str, str], /, **changes: str | None) -> str:
    return written("kpis", "x", {**base, **{name.rstrip("_"): text for name, text in changes.items()}})


def source(**changes: str) -> str:
    return written("sources", "quote", {**SOURCE, **changes})


# ------------------------------------------------------------------------------------------------------- YAML and files


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        (
            "kpis: [\nb: c\n  d§: [",
            f"not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'; {MEND}",
        ),
        ("version: 1\n§version: 1\n", "key `version` is given twice, first on line 1; keep one of them"),
        (
            "§<<: {version: 1}\n",
            "merge key `<<` is not understood; write the keys out, or repeat the whole value with an alias",
        ),
        ("? §[a]\n: 1\n", "a key must be a single word; write it without brackets"),
        ("version: 1 §\0", "character `U+0000` is not allowed in YAML; remove it"),
        ("§- a\n", "a declaration file is a mapping; use the keys version, defaults, pipelines, sources, kpis"),
        ("§kpi: []\n", "unknown key `kpi`; did you mean `kpis`?"),
        (
            "§metric_definitions: []\n",
            "unknown key `metric_definitions`; use one of defaults, kpis, pipelines, sources, version",
        ),
        ("version: §2\n", "version `2` is not known; write `version: 1`"),
        ("kpis: §{a: b}\n", "`kpis` must be a list; begin each item with `- key:`"),
        ("kpis:\n  - §revenue\n", "an item of `kpis` must be a mapping; begin it with `- key:`"),
        ("sources:\n  - §topic: a\n", "an item of `sources` needs a `key`; write `key:` and a name"),
        ("kpis:\n  - key: §7\n", "an item of `kpis` needs a `key`; write `key:` and a name"),
        ("pipelines: §[a]\n", "`pipelines` must be a mapping of pipelines by their ids"),
        ("pipelines: {a: §{}}\n", "pipeline `a` has no stages; list them as `stage: {order: 1, probability: 0.2}`"),
        (
            "pipelines: {a: {b: {order: 1, probability: §1.5}}}\n",
            "stage `b` of pipeline `a`: `probability`: `1.5` does not fit; write a number from 0 to 1, such as 0.2",
        ),
        (
            "pipelines: {a: {b: {order: 1, probability: 0}, c: {order: §1, probability: 1}}}\n",
            "pipeline `a`: stage `c` has the order `1`, as `b` has; give each its own",
        ),
        ("defaults: {fx: {§age: 7d}}\n", "defaults: unknown key `age` in `fx`; did you mean `max_age`?"),
        (
            "defaults: {fx: {max_age: §7}}\n",
            "defaults: `fx.max_age`: `7` is not a duration; write a whole number and a unit, such as 90d, 1h or 30s",
        ),
        ("defaults: {fx: {source: §rates}}\n", "defaults: source `rates` is not declared; did you mean `fx_rate`?"),
        (
            "defaults: {fx: {source: §deal}}\n",
            "defaults: source `deal` is not broadcast; rates are looked up, so declare it `broadcast: true`",
        ),
    ],
)
def test_a_fault_of_the_file_has_its_place(marked: str, message: str, tmp_path: Path) -> None:
    expect(tmp_path, marked, message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!odd b", "tag `!odd` is not understood; write a plain value"),
        (".inf", "`.inf` is not a finite number; write digits, or put it in quotes"),
        ("&a [*a]", "alias `*a` stands inside its own anchor; write the value out"),
    ],
)
def test_a_value_that_yaml_knows_and_we_do_not_is_named(value: str, message: str, tmp_path: Path) -> None:
    assert f"0.yaml:1:10: {message}" in faults_of(tmp_path, f"version: {value}\n")


def test_a_file_with_nothing_in_it_declares_nothing(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "# later\n", "kpis:\nsources:\npipelines:\ndefaults:\n") == []


def test_anchors_and_aliases_are_understood(tmp_path: Path) -> None:
    assert faults_of(tmp_path, kpi(RATIO, numerator="&n {kpi: revenue}", denominator="*n")) == []


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "[" * 5000)
    assert fault == "0.yaml:1:1: is nested too deeply to be read; write fewer brackets in each other"


def test_a_path_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"kpis: caf\xe9")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DeclarationFaults) as found:
        load([tmp_path / "none.yaml", latin, empty])
    assert set(found.value.faults) == {
        Fault(
            str(tmp_path / "none.yaml"),
            1,
            1,
            "cannot be read: no such file or directory; name a file or folder that can",
        ),
        Fault(str(latin), 1, 1, "is not UTF-8 text at byte 9; save it as UTF-8"),
        Fault(str(empty), 1, 1, "the folder has no `.yaml` file; add one or name another folder"),
    }


# --------------------------------------------------------------------------------------------------------------- layers


def test_a_later_layer_replaces_and_adds(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b"
    second.mkdir()
    first.write_text(
        kpi(MEASURE) + "pipelines: {p: {a: {order: 1, probability: 0.1}, b: {order: 2, probability: 0.2}}}\n"
    )
    (second / "x.yml").write_text(kpi(MEASURE, at="created_at") + "pipelines: {p: {c: {order: 1, probability: 0.3}}}\n")
    (second / "y.yaml").write_text("defaults: {fx: {max_age: 60d}}\n")
    (second / "notes.txt").write_text("not read: [")
    declarations = load([first, second])
    assert getattr(declarations.kpis["x"], "at", None) == "created_at"
    assert list(declarations.pipelines["p"]) == ["c"]
    assert {"new_business", "regional"} < set(declarations.pipelines)
    assert declarations.defaults.fx.max_age == 60 * 86_400_000
    assert declarations.defaults.fx.source == "fx_rate"
    assert "revenue" in declarations.kpis


def test_the_shipped_catalogue_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(source())
    assert list(load([path], shipped=False).sources) == ["quote"]


def test_the_same_key_twice_in_one_layer_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(kpi(MEASURE))
    (tmp_path / "b.yaml").write_text(kpi(MEASURE))
    with pytest.raises(DeclarationFaults) as found:
        load([tmp_path])
    message = f"kpi `x` is declared twice, first in {tmp_path}/a.yaml on line 2; remove one or give it another name"
    assert found.value.faults == (Fault(str(tmp_path / "b.yaml"), 2, 10, message),)


def test_a_broken_declaration_is_no_unknown_name(tmp_path: Path) -> None:
    """One fault is reported once: what refers to a broken declaration is not blamed."""
    broken = written("kpis", "y", {"type": "mesure"})
    uses = kpi(RATIO, numerator="{kpi: y}").removeprefix("kpis:\n")
    assert faults_of(tmp_path, broken + uses) == [
        "0.yaml:3:11: kpi `y`: type `mesure` is not known; did you mean `measure`?"
    ]


def test_all_faults_are_reported_at_once_in_order(tmp_path: Path) -> None:
    bad = kpi(MEASURE, at="closd_at", unit="euro")
    worse = kpi(STATE, grains="[[teem], [reep]]")
    assert faults_of(tmp_path, bad, worse) == [
        "0.yaml:6:11: kpi `x`: `unit`: `euro` is not known; use one of money, none, ratio, seconds",
        "1.yaml:7:15: kpi `x`: grain `[teem]`: source `deal` has no dimension `teem`; did you mean `team`?",
        "1.yaml:7:23: kpi `x`: grain `[reep]`: source `deal` has no dimension `reep`; did you mean `rep`?",
    ]


# --------------------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("case", CASES["form"], ids=lambda case: case["fault"])
def test_a_fault_of_a_kpi_s_form_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, changed(case), f"kpi `x`: {case['fault']}")


def test_a_missing_key_stands_at_the_declaration(tmp_path: Path) -> None:
    types = "measure, state, ratio, derived, conversion, membership, share"
    fault = f"0.yaml:2:5: kpi `x`: `type` is missing; give one of {types}"
    assert faults_of(tmp_path, kpi(MEASURE, at=None, type=None)) == [fault]
    assert faults_of(tmp_path, kpi(MEASURE, at=None)) == ["0.yaml:2:5: kpi `x`: `at` is missing; add it"]


def test_an_unknown_key_stands_at_the_key(tmp_path: Path) -> None:
    expect(tmp_path, kpi({**MEASURE, "§wher": "{}"}), "kpi `x`: unknown key `wher`; did you mean `where`?")
    twice = "{duration: {from: created_at, to: closed_at, negative: clamp}, §negative: clamp}"
    changed = kpi(MEASURE, agg="mean", unit="seconds", value=twice)
    known = "age_of, duration, latest, money, number, per_month, weight"
    expect(tmp_path, changed, f"kpi `x`: unknown key `negative` in `value`; use one of {known}")


@pytest.mark.parametrize("case", CASES["source"], ids=lambda case: case["fault"])
def test_a_fault_of_a_source_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, source(**case["change"]), f"source `quote`: {case['fault']}")


def test_links_are_made_from_what_the_child_is_told_itself(tmp_path: Path) -> None:
    text = source(derived="{a: {least_over_children: {over: lead, parent: customer_id, least: first_win_at}}}")
    (fault,) = faults_of(tmp_path, text)
    assert fault.startswith("0.yaml:5:81: source `quote`: source `lead` has no field `first_win_at`")


def test_a_list_holds_plain_values(tmp_path: Path) -> None:
    text = source(fields="{a: {type: list, fields: {b: §{type: times}}}}")
    expect(tmp_path, text, "source `quote`: field `a.b` is a times in a list; a list holds plain values")


# ----------------------------------------------------------------------------------------------------------------- KPIs


@pytest.mark.parametrize("case", CASES["meaning"], ids=lambda case: case["fault"])
def test_a_fault_of_a_kpi_s_meaning_has_its_place(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, changed(case), f"kpi `x`: {case['fault']}")


@pytest.mark.parametrize("case", CASES["later"], ids=lambda case: case["fault"])
def test_what_is_not_computed_yet_is_refused(case: dict[str, Any], tmp_path: Path) -> None:
    expect(tmp_path, changed(case), f"kpi `x`: {case['fault']} {LATER}")


def test_the_number_of_an_integer_field_is_computed(tmp_path: Path) -> None:
    text = kpi(MEASURE, from_="activity", at="occurred_at", agg="sum", value="{number: quantity}")
    assert faults_of(tmp_path, text) == []


def test_a_date_has_no_hours(tmp_path: Path) -> None:
    rule = "`expected_close_date` is a date and has no hours; use a window of whole days"
    assert faults_of(tmp_path, kpi(MEASURE, at="expected_close_date", windows="[1h, 7d, 24h]")) == [
        f"0.yaml:9:9: kpi `x`: `at: expected_close_date`, a date, {LATER}",
        f"0.yaml:11:15: kpi `x`: window `1h`: {rule}",
        f"0.yaml:11:23: kpi `x`: window `24h`: {rule}",
    ]


def test_a_weight_is_a_derived_chance_and_weighs_whole_entities(tmp_path: Path) -> None:
    weighed = {**MONEY, "value": "{money: lines.amount_minor, weight: probability}", "grains": "[[§product]]"}
    what = "grain `[product]`: dimension `product` of the items of `lines` with a `weight`"
    expect(tmp_path, kpi(weighed), f"kpi `x`: {what} {LATER}")
    odds = source(
        fields="{sent_at: {type: timestamp}, sum_minor: {type: money}, p: {type: decimal}, c: {type: string}}"
    )
    plain = {**MONEY, "from": "quote", "at": "sent_at", "value": "{money: sum_minor, weight: §p}"}
    what = "a `weight` that is not derived, as `p` is not,"
    expect(tmp_path, odds + "    currency: c\n" + kpi(plain), f"kpi `x`: {what} {LATER}")


def test_money_needs_a_currency(tmp_path: Path) -> None:
    text = source(required_when="[]") + kpi(MONEY, from_="quote", at="sent_at", value="{money: §sum_minor}")
    expect(
        tmp_path,
        text,
        "kpi `x`: source `quote` has no `currency` for the amounts of `sum_minor`; declare the field that has it",
    )


def test_an_alias_is_no_function(tmp_path: Path) -> None:
    text = kpi(DERIVED, inputs="{a: {kpi: revenue}, max: {kpi: opportunities_won}}", expr="a / max")
    assert "0.yaml:9:38: kpi `x`: alias `max` is the name of a function; give it another name" in faults_of(
        tmp_path, text
    )


def test_plans_need_their_source(tmp_path: Path) -> None:
    events = written("sources", "deal", {**SOURCE, "currency": "state", "dimensions": "{team: state}"})
    base = {
        **MONEY,
        "from": "deal",
        "at": "sent_at",
        "value": "{money: sum_minor}",
        "windows": "[mtd]",
        "grains": "[[team]]",
    }
    target = kpi(base, targets="[{window: mtd, grain: [§team], from_plan: {kind: target, metric: x}}]")
    (fault,) = faults_of(tmp_path, events + target.replace("§", ""), shipped=False)
    assert fault.endswith("kpi `x`: target: there is no source `plan` to look plans up in; declare it")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("kpi_x", "key `kpi_x` begins with `kpi_`, which the service's own metrics do; give it another name"),
        (
            "x_numerator",
            "key `x_numerator` ends with `_numerator`, as the companions of a metric do; give it another name",
        ),
        (
            "x_denominator",
            "key `x_denominator` ends with `_denominator`, as the companions of a metric do; give it another name",
        ),
        ("x_samples", "key `x_samples` ends with `_samples`, as the companions of a metric do; give it another name"),
        ("x_target", "key `x_target` ends with `_target`, as the companions of a metric do; give it another name"),
    ],
)
def test_a_key_must_not_look_like_a_companion(key: str, message: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, written("kpis", key, dict(MEASURE))) == [f"0.yaml:2:10: kpi `{key}`: {message}"]


@pytest.mark.parametrize(
    ("key", "base", "name", "owner"),
    [
        ("revenue_by_product", MONEY, "sales_revenue_by_product_money", "revenue"),
        ("sales_win_rate_ratio", MEASURE, "sales_win_rate_ratio", "win_rate"),
        ("win_rate_numerator_by_team_ratio", MEASURE, "sales_win_rate_numerator_by_team_ratio", "win_rate"),
        ("lead_response_time_p50", SPAN, "sales_lead_response_time_p50_seconds", "lead_response_time"),
        ("lead_response_time_samples_by_team_seconds", MEASURE, "sales_lead_response_time_samples_by_team_seconds",
         "lead_response_time"),
    ],
)  # fmt: skip
def test_two_kpis_have_no_metric_in_common(
    key: str, base: Mapping[str, str], name: str, owner: str, tmp_path: Path
) -> None:
    message = f"its metric `{name}` is also one of kpi `{owner}`; give one of them another key"
    assert faults_of(tmp_path, written("kpis", key, base)) == [f"0.yaml:2:10: kpi `{key}`: {message}"]


def test_arithmetic_with_numbers_and_functions_is_understood(tmp_path: Path) -> None:
    assert faults_of(tmp_path, kpi(DERIVED, expr="max(0, 1 - abs(-a + b) / 2.5, min(a, b))")) == []


def test_a_circle_of_inputs_is_named_once(tmp_path: Path) -> None:
    first = kpi(RATIO, numerator="{kpi: z}", unit="none")
    second = written("kpis", "z", {**DERIVED, "inputs": "{a: {kpi: x}}", "expr": "a + 1"}).removeprefix("kpis:\n")
    assert faults_of(tmp_path, first + second.replace("unit: money", "unit: none")) == [
        "0.yaml:2:10: kpi `x`: its inputs go round in a circle, `x` → `z` → `x`; take one of them out"
    ]


def test_a_kpi_that_uses_itself_is_a_circle(tmp_path: Path) -> None:
    text = kpi(RATIO, numerator="{kpi: x}", unit="none", denominator="{kpi: opportunities_won}", grains="[[team]]")
    assert faults_of(tmp_path, text) == [
        "0.yaml:2:10: kpi `x`: its inputs go round in a circle, `x` → `x`; take one of them out"
    ]


def test_the_exception_says_all_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: 2\n")
    with pytest.raises(DeclarationFaults) as found:
        load([path], shipped=False)
    known = "use one of defaults, kpis, pipelines, sources, version"
    assert str(found.value) == f"{path}:1:1: unknown key `a`; {known}\n{path}:2:1: unknown key `b`; {known}"


def test_the_remedy_of_each_fault_can_be_followed(tmp_path: Path) -> None:
    """The templates that the cases above break are sound."""
    texts: list[Any] = [kpi(base) for base in (MEASURE, STATE, RATIO, DERIVED, CONVERSION, MONEY, SPAN)]
    assert [faults_of(tmp_path, text) for text in [*texts, source()]] == [[]] * (len(texts) + 1)
