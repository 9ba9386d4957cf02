"""Reading declarations: files, layers, groups that are switched off."""

from pathlib import Path

import pytest

from config.declarations import Measure, Population
from config.load import DeclarationFaults, Fault, load
from tests.unit.config.declared import SHOP, expect, faults_of, kpi, source

SECTIONS = ("version", "defaults", "overview", "groups", "pipelines", "populations", "sources", "kpis")
MEND = "mend the indentation, quotes or brackets here"

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
        (
            "§- a\n",
            f"a declaration file is a mapping; use the keys {', '.join(SECTIONS)}",
        ),
        ("§kpi: []\n", "unknown key `kpi`; did you mean `kpis`?"),
        (
            "§metric_definitions: []\n",
            f"unknown key `metric_definitions`; use one of {', '.join(sorted(SECTIONS))}",
        ),
        ("version: §2\n", "version `2` is not known; write `version: 1`"),
        ("kpis: §{a: b}\n", "`kpis` must be a list; begin each item with `- key:`"),
        ("kpis:\n  - §revenue\n", "an item of `kpis` must be a mapping; begin it with `- key:`"),
        ("sources:\n  - §topic: a\n", "an item of `sources` needs a `key`; write `key:` and a name"),
        ("kpis:\n  - key: §7\n", "an item of `kpis` needs a `key`; write `key:` and a name"),
        ("pipelines: §[a]\n", "`pipelines` must be a mapping of pipelines by their ids"),
        ("groups: §[a]\n", "`groups` must be a mapping of groups by their ids"),
        ("populations: §3\n", "`populations` must be a mapping of populations by their ids"),
        ("groups: {a: {title: §{en: A}}}\n", "group `a`: `title`: `nl` is missing; add it"),
        ("groups: {a:§ }\n", "group `a`: `null` does not fit; write a mapping"),
        (
            "pipelines: {§New: {a: {order: 1, probability: 0.1}}}\n",
            "pipelines: `New` does not fit; write small letters, digits and underscores, a letter first",
        ),
        (
            "populations: {§of-us: {from: rep, intervals: [{from: hired_at}]}}\n",
            "populations: `of-us` does not fit; write small letters, digits and underscores, a letter first",
        ),
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
    assert faults_of(tmp_path, "# later\n", "kpis:\nsources:\npipelines:\npopulations:\ngroups:\ndefaults:\n") == []


def test_anchors_and_aliases_are_understood(tmp_path: Path) -> None:
    assert faults_of(tmp_path, kpi("ratio", numerator="&n {kpi: revenue}", denominator="*n")) == []


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
        kpi("measure", group="mine")
        + "pipelines: {p: {a: {order: 1, probability: 0.1}, b: {order: 2, probability: 0.2}}}\n"
        + "groups: {mine: {title: {en: Mine, nl: Mijn}}, sales: {title: {en: Ours, nl: Onze}}}\n"
        + "populations: {rep_employed: {from: rep, intervals: [{from: hired_at}]}}\n"
    )
    (second / "x.yml").write_text(
        kpi("measure", at="created_at") + "pipelines: {p: {c: {order: 1, probability: 0.3}}}\n"
    )
    (second / "y.yaml").write_text("defaults: {fx: {max_age: 60d}}\n")
    (second / "notes.txt").write_text("not read: [")
    declarations = load([SHOP, first, second], shipped=False)
    changed = declarations.kpis["x"]
    assert isinstance(changed, Measure)
    assert (changed.at, changed.group) == ("created_at", "sales")
    assert list(declarations.pipelines) == ["direct", "p"]
    assert list(declarations.pipelines["p"]) == ["c"]
    assert {key: group.title.en for key, group in declarations.groups.items()} == {
        "sales": "Ours",
        "other": "Other",
        "mine": "Mine",
    }
    employed = declarations.populations["rep_employed"]
    assert isinstance(employed, Population)
    assert employed.intervals[0].to is None
    assert set(declarations.populations) == {"customer_active", "customer_in_touch", "customer_mrr", "rep_employed"}
    assert declarations.defaults.fx.max_age == 60 * 86_400_000
    assert declarations.defaults.fx.source == "fx_rate"
    assert "revenue" in declarations.kpis


def test_the_shipped_catalogue_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(source())
    assert list(load([path], shipped=False).sources) == ["quote"]
    assert {"quote", "deal"} < set(load([path]).sources)


def test_the_same_key_twice_in_one_layer_is_a_fault(tmp_path: Path) -> None:
    population = "populations: {p: {from: rep, intervals: [{from: hired_at}]}}\n"
    (tmp_path / "a.yaml").write_text(kpi("measure") + population)
    (tmp_path / "b.yaml").write_text(kpi("measure") + population)
    with pytest.raises(DeclarationFaults) as found:
        load([SHOP, tmp_path], shipped=False)
    remedy = "remove one or give it another name"
    assert found.value.faults == (
        Fault(
            str(tmp_path / "b.yaml"),
            2,
            10,
            f"kpi `x` is declared twice, first in {tmp_path}/a.yaml on line 2; {remedy}",
        ),
        Fault(
            str(tmp_path / "b.yaml"),
            12,
            18,
            f"population `p` is declared twice, first in {tmp_path}/a.yaml on line 12; {remedy}",
        ),
    )


def test_all_faults_are_reported_at_once_in_order(tmp_path: Path) -> None:
    bad = kpi("measure", at="closd_at", unit="euro")
    worse = kpi("state", grains="[[teem], [reep]]")
    assert faults_of(tmp_path, bad, worse) == [
        "0.yaml:6:11: kpi `x`: `unit`: `euro` is not known; use one of money, none, ratio, seconds",
        "1.yaml:7:15: kpi `x`: grain `[teem]`: source `deal` has no dimension `teem`; did you mean `team`?",
        "1.yaml:7:23: kpi `x`: grain `[reep]`: source `deal` has no dimension `reep`; did you mean `rep`?",
    ]


def test_the_exception_says_all_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: 2\n")
    with pytest.raises(DeclarationFaults) as found:
        load([path], shipped=False)
    known = f"use one of {', '.join(sorted(SECTIONS))}"
    assert str(found.value) == f"{path}:1:1: unknown key `a`; {known}\n{path}:2:1: unknown key `b`; {known}"


# --------------------------------------------------------------------------------------------------------------- groups

OTHERS = "churn, customers, indicator, indicator_growth, stock_worth"
"""The KPIs of the group `other` of the shop."""


def test_the_kpis_of_a_group_that_is_off_are_left_out() -> None:
    every = load([SHOP], shipped=False)
    left = load([SHOP], shipped=False, groups_off=["other"])
    assert set(every.kpis) - set(left.kpis) == set(OTHERS.split(", "))
    assert (left.groups, left.sources, left.populations) == (every.groups, every.sources, every.populations)
    assert load([SHOP], shipped=False, groups_off=["other", "sales"]).kpis == {}


def test_a_group_that_is_not_declared_cannot_be_off(tmp_path: Path) -> None:
    assert faults_of(tmp_path, groups_off=["others"]) == [
        "`SALESPULSE_GROUPS_OFF`: group `others` is not declared; did you mean `other`?"
    ]


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ("ratio", {"numerator": "{kpi: §churn}"}),
        ("derived", {"inputs": "{a: {kpi: §churn}, b: {kpi: won}}"}),
        ("derived", {"inputs": "{a: {kpi: §churn, offset: previous}, b: {kpi: won, window: mtd}}", "windows": "[now]"}),
        ("derived", {"inputs": "{a: {kpi: won}, b: {plan: {kind: target, metric: §churn}}}"}),
        ("share", {"actual": "{kpi: §churn, by: rep}"}),
        ("share", {"plan": "{kind: quota, metric: §churn, scope: rep}"}),
        (
            "money",
            {"windows": "[mtd]", "targets": "[{window: mtd, from_plan: {kind: target, metric: §churn}}]"},
        ),
    ],
)
def test_what_is_left_is_not_made_of_what_is_off(base: str, change: dict[str, str], tmp_path: Path) -> None:
    mend = "take `other` out of `SALESPULSE_GROUPS_OFF`, or add `sales` to it"
    where = "target: " if "targets" in change else ""
    said = f"kpi `x`: {where}kpi `churn` is switched off with the group `other`; {mend}"
    expect(tmp_path, kpi(base, **change), said, groups_off=["other"])


def test_companions_that_are_off_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(kpi("measure", companions="[revenue, churn, won]"))
    assert load([SHOP, path], shipped=False).kpis["x"].companions == ("revenue", "churn", "won")
    assert load([SHOP, path], shipped=False, groups_off=["other"]).kpis["x"].companions == ("revenue", "won")


def test_what_is_off_is_not_looked_at(tmp_path: Path) -> None:
    """Who has switched the hotels off may have replaced their source by one without rooms."""
    broken = kpi("measure", group="other", at="closd_at", agg="summ")
    assert len(faults_of(tmp_path, broken)) == 1
    assert faults_of(tmp_path, broken, groups_off=["other"]) == []


def test_the_latest_layer_says_whether_a_kpi_is_off(tmp_path: Path) -> None:
    on, off = tmp_path / "on.yaml", tmp_path / "off.yaml"
    on.write_text(kpi("measure"))
    off.write_text(kpi("measure", group="other"))
    assert "x" not in load([SHOP, on, off], shipped=False, groups_off=["other"]).kpis
    assert "x" in load([SHOP, off, on], shipped=False, groups_off=["other"]).kpis


def test_groups_need_not_be_declared_where_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(source() + kpi("measure", from_="quote", at="sent_at", group="whatever"))
    assert load([path], shipped=False).kpis["x"].group == "whatever"
