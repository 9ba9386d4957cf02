"""Numbers and texts of rules, and YAML that comes back as it was."""

from decimal import Decimal

import pytest
from ruamel.yaml import YAML

from metrics.plan import Plan
from streams.rules.amounts import Amount
from streams.rules.humanize import humanize, humanize_duration, humanize_percentage
from streams.rules.kpi_alert import kpi_alerts
from streams.rules.promql import number, selector
from streams.rules.spans import span_seconds, span_text
from streams.rules.yaml_text import HEADER, yaml_text
from streams.runbooks.markdown import markdown
from tests.unit.rules.promtool import own_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return own_plan()


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("10m", "600"),
        ("1h30m", "5400"),
        ("1d", "86400"),
        ("2w", "1209600"),
        ("1y", "31536000"),
        ("0s", "0"),
        ("500ms", "0.5"),
    ],
)
def test_spans_are_those_of_prometheus(span: str, seconds: str) -> None:
    assert span_seconds(span) == Decimal(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("14400", "4h"),
        ("5400", "1h 30m"),
        ("233280", "2d 16h 48m"),
        ("0", "0s"),
        ("-60.5", "-1m 0.5s"),
        ("0.25", "0.25s"),
    ],
)
def test_a_span_is_told_exactly(seconds: str, text: str) -> None:
    assert span_text(Decimal(seconds)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "250m"), (999, "999"), (2000, "2k"), (1_234_567, "1.235M"), (-26_000, "-26k")],
)
def test_numbers_are_humanized_as_prometheus_does(value: float, text: str) -> None:
    assert humanize(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.398, "398ms"),
        (4.975, "4.975s"),
        (61, "1m 1s"),
        (7200, "2h 0m 0s"),
        (259_510.5, "3d 0h 5m 10s"),
        (-90, "-1m 30s"),
    ],
)
def test_durations_are_humanized_as_prometheus_does(seconds: float, text: str) -> None:
    assert humanize_duration(seconds) == text


def test_shares_are_humanized_as_prometheus_does() -> None:
    assert [humanize_percentage(value) for value in (0.1125, -0.2, 1, 0)] == ["11.25%", "-20%", "100%", "0%"]


@pytest.mark.parametrize(
    ("amount", "template", "said", "exact"),
    [
        (Amount("money", 0, "EUR"), 'EUR {{ $value | printf "%.0f" }}', "EUR 4200", "EUR 5000.5"),
        (Amount("money", 2, "USD"), 'USD {{ $value | printf "%.2f" }}', "USD 4200.25", "USD 5000.5"),
        (Amount("ratio", 2, "EUR"), "{{ $value | humanizePercentage }}", "4.2e+05%", "500050%"),
        (Amount("seconds", 0, "EUR"), "{{ $value | humanizeDuration }}", "1h 10m 0s", "1h 23m 20.5s"),
        (Amount("none", 1, "EUR"), '{{ $value | printf "%.1f" }}', "4200.2", "5000.5"),
    ],
)
def test_a_value_is_told_in_its_unit(amount: Amount, template: str, said: str, exact: str) -> None:
    assert (amount.template, amount.said(4200.25), amount.exact(Decimal("5000.5"))) == (template, said, exact)


def test_levels_are_written_without_an_exponent() -> None:
    assert [number(Decimal(text)) for text in ("1E+3", "0.10", "1E-7", "-0.0", "100")] == [
        "1000",
        "0.1",
        "0.0000001",
        "-0",
        "100",
    ]


def test_label_values_are_quoted() -> None:
    assert selector("m", {"team": 'a "b" \\ é\n'}) == 'm{team="a \\"b\\" \\\\ é\\n"}'


def test_a_dimension_may_have_the_name_of_a_label_of_alerts(plan: Plan) -> None:
    renamed = {of.name: dict(of.renamed) for of in kpi_alerts(plan)}
    assert renamed.pop("SoldLittle") == {"exported_kind": "kind"}
    assert set(map(tuple, renamed.values())) == {()}


def test_samples_are_those_of_the_rows_of_the_alert(plan: Plan) -> None:
    assert {of.name: of.samples for of in kpi_alerts(plan) if of.samples} == {
        "AnswerSlow": "sales_answer_time_samples_by_team",
        "AnswerFast": "sales_answer_time_samples_by_team",
        "SoldLittle": "sales_sold_share_denominator_by_kind",
    }


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "long " * 50 + "end",
        "two  spaces " * 20 + "and more",
        " begins with a space, " * 10,
        "a: b # c " * 20 + "{{ x }}",
        "several\nlines\n  indented",
        "- not a list",
        "*no anchor",
        "",
    ],
)
def test_yaml_comes_back_as_it_was(text: str) -> None:
    document = {"groups": [{"name": text, "rules": [{"expr": text}]}]}
    made = yaml_text(document)

    assert made.startswith(HEADER)
    assert YAML(typ="safe").load(made) == document


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a <b> *c* _d_ [e](f) | g", r"a \<b\> \*c\* \_d\_ \[e\](f) \| g"),
        ("`a_b` and a_b", r"`a_b` and a\_b"),
        ("a ` and a_b", r"a \` and a\_b"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_text_reads_the_same_in_markdown(text: str, written: str) -> None:
    assert markdown(text) == written
