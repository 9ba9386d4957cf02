"""Forty-odd mistakes that are easily made in the declarations or in the core: each must make a test fail.

A mistake replaces one piece of text, which stands exactly once in its file.
"""

from typing import NamedTuple


class Mistake(NamedTuple):
    """One change to one file."""

    name: str
    file: str
    right: str
    wrong: str
    noticed_by: str
    """The test that fails, and that passes without the mistake."""


_SOURCES = "config/catalogue/sources.yaml"
_FUNNEL, _SPEED = "config/catalogue/funnel.yaml", "config/catalogue/speed.yaml"
_REVENUE, _PEOPLE = "config/catalogue/revenue.yaml", "config/catalogue/people.yaml"
_MADE, _SATISFIED = "config/catalogue/manufacturing.yaml", "config/catalogue/satisfaction.yaml"

_GOLDEN = "tests/golden/test_golden.py"
_UNCOUNTED = "tests/scenarios/test_what_does_not_count.py"
_QUOTA = "tests/scenarios/test_quota_in_several_currencies.py"
_UPGRADE = "tests/properties/test_upgrade.py::test_state_of_other_declarations_gives_the_readings_of_a_replay"
_ROWS = "tests/unit/metrics/test_contributions.py"


def _golden(example: str) -> str:
    """Return the test of one of the examples, as of one of its instants."""
    return f"{_GOLDEN}::test_delivery_and_partitions_make_no_difference[{example}-1-whole]"


MISTAKES = (
    # --------------------------------------------------------------------------------------------- who and what counts
    Mistake(
        "automatic replies count as answers",
        _SOURCES,
        "          actor: human\n          direction",
        "          direction",
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "what a lead writes counts as an answer",
        _SOURCES,
        "          direction: outbound\n",
        "",
        f"{_ROWS}::test_the_first_response_of_a_person[2026-06-10T08:30:00.000Z-changes7-None]",
    ),
    Mistake(
        "a planned call counts as an answer",
        _SOURCES,
        "          status: completed\n          kind: {in: [call, email",
        "          kind: {in: [call, email",
        f"{_ROWS}::test_the_first_response_of_a_person[2026-06-10T08:30:00.000Z-changes8-None]",
    ),
    Mistake(
        "outreach of long ago answers a new lead",
        _SOURCES,
        ", not_before: {field: created_at, minus: 24h}",
        "",
        f"{_ROWS}::test_the_first_response_of_a_person[2026-06-09T07:59:59.999Z-changes4-None]",
    ),
    Mistake(
        "a lost deal converts a lead",
        _SOURCES,
        "parent: lead_id, at: closed_at, where: {status: won}",
        "parent: lead_id, at: closed_at",
        "tests/unit/metrics/test_shard.py::test_a_child_tells_its_parents_what_changed[events2-expected2]",
    ),
    Mistake(
        "only wins are compared with wins",
        _FUNNEL,
        "where: {status: {in: [won, lost]}}",
        "where: {status: won}",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "disqualified leads are ready for sales",
        _FUNNEL,
        "    where: {status: {not: disqualified}}\n",
        "",
        _golden("second 2021-03-31"),
    ),
    Mistake(
        "running trials are in the denominator",
        _FUNNEL,
        "at: trial_resolved_at",
        "at: trial_started_at",
        f"{_UNCOUNTED}::test_what_does_not_count[trial_conversion_rate-7d-subscription-entities1-expected1]",
    ),
    Mistake(
        "cancelled meetings are booked",
        "config/catalogue/engagement.yaml",
        "where: {kind: meeting, status: {not: cancelled}}",
        "where: {kind: meeting}",
        _golden("second 2021-03-28"),
    ),
    Mistake(
        "all spend is acquisition",
        "config/catalogue/cost.yaml",
        "    where: {category: {in: [marketing, sales]}}\n",
        "",
        _golden("second 2021-03-28"),
    ),
    Mistake(
        "unreliable opens count",
        "config/catalogue/engagement.yaml",
        "where: {kind: email, open_unreliable: {not: true}, opened_at",
        "where: {kind: email, opened_at",
        f"{_UNCOUNTED}::test_what_does_not_count[email_open_rate-7d-activity-entities0-expected0]",
    ),
    Mistake(
        "cancelled training is due",
        "config/catalogue/enablement.yaml",
        "where: {kind: training, status: {not: cancelled}}",
        "where: {kind: training}",
        f"{_UNCOUNTED}::test_what_does_not_count[training_completion_rate-30d-activity-entities3-expected3]",
    ),
    Mistake(
        "subscriptions without a trial convert",
        _FUNNEL,
        ", where: {trial_started_at: {exists: true}}",
        "",
        f"{_UNCOUNTED}::test_what_does_not_count[trial_conversion_rate-7d-subscription-entities1-expected1]",
    ),
    Mistake(
        "all pieces are good pieces",
        _MADE,
        "times: values.good_count",
        "times: values.total_count",
        f"{_GOLDEN}::test_the_second_example_computes_what_is_shipped_only_for_more_windows[production_efficiency]",
    ),
    Mistake(
        "snapshots of a location are added up",
        _MADE,
        "        agg: mean\n",
        "        agg: sum\n",
        f"{_GOLDEN}::test_the_second_example_computes_what_is_shipped_only_for_more_windows[inventory_turnover]",
    ),
    Mistake(
        "satisfied from 70 % on",
        _SOURCES,
        'times: "0.8"',
        'times: "0.7"',
        f"{_UNCOUNTED}::test_what_does_not_count[csat-7d-feedback-entities2-expected2]",
    ),
    Mistake(
        "an 8 promotes",
        _SATISFIED,
        "score: {gte: 9}",
        "score: {gte: 8}",
        f"{_GOLDEN}::test_the_second_example_computes_what_is_shipped_only_for_more_windows[nps]",
    ),
    Mistake(
        "a 7 detracts",
        _SATISFIED,
        "score: {lte: 6}",
        "score: {lte: 7}",
        f"{_GOLDEN}::test_the_second_example_computes_what_is_shipped_only_for_more_windows[nps]",
    ),
    Mistake(
        "no spend is a spend of 0",
        "metrics/plan_nodes.py",
        "            required = kpi.require is not None\n",
        "            required = False\n",
        _golden("first 2026-11-10"),
    ),
    Mistake(
        "lines without a cost are all margin",
        _REVENUE,
        "    numerator:\n      measure:\n        from: deal\n        at: closed_at\n"
        "        where: {status: won, lines.cost_minor: {exists: true}}",
        "    numerator:\n      measure:\n        from: deal\n        at: closed_at\n        where: {status: won}",
        f"{_ROWS}::test_lines_without_cost_are_on_neither_side_of_the_margin",
    ),
    # -------------------------------------------------------------------------------------------------------- formulas
    Mistake(
        "growth without taking 1 off",
        _REVENUE,
        "    expr: now / before - 1",
        "    expr: now / before",
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "accuracy as a share of the forecast",
        _REVENUE,
        "abs(forecast - actual) / actual)",
        "abs(forecast - actual) / forecast)",
        _golden("first 2026-11-10"),
    ),
    Mistake(
        "a cycle begins at creation",
        _SPEED,
        "from: [first_contact_at, created_at]",
        "from: created_at",
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "calls before the lead are left out",
        _SPEED,
        "    value: {duration: {from: created_at, to: first_response_at}, negative: clamp}",
        "    value: {duration: {from: created_at, to: first_response_at}, negative: exclude}",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "the median for the mean",
        "metrics/plan_nodes.py",
        'if parts.agg in {"sum", "mean"}:',
        'if parts.agg in {"sum"}:',
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "fulfilled late is fulfilled",
        _MADE,
        "on_time: true",
        "on_time: {in: [true, false]}",
        _golden("second 2021-03-28"),
    ),
    Mistake(
        "an order due today is late already",
        _SOURCES,
        "due_end: {instant_of: {date: promised_on, edge: day_end}}",
        "due_end: {instant_of: {date: promised_on, edge: quarter_start}}",
        _golden("second 2021-03-28"),
    ),
    Mistake(
        "quotas must be exceeded",
        "metrics/combine.py",
        "else actual >= round(bar)",
        "else actual > round(bar)",
        f"{_QUOTA}::test_a_rate_that_comes_late_makes_a_quota_reached",
    ),
    # ----------------------------------------------------------------------------------------------------- populations
    Mistake(
        "leavers are still employed",
        _SOURCES,
        "      - {from: hired_at, to: left_at}",
        "      - {from: hired_at}",
        f"{_QUOTA}::test_a_rate_that_comes_late_makes_a_quota_reached",
    ),
    Mistake(
        "anybody is in sales",
        _SOURCES,
        "    from: rep\n    where: {role: sales}\n",
        "    from: rep\n",
        _golden("second 2021-03-28"),
    ),
    Mistake(
        "turnover over the headcount at the end",
        _PEOPLE,
        "expr: left / ((start + end) / 2)",
        "expr: left / (end + 0 * start)",
        _golden("first 2026-11-10"),
    ),
    Mistake(
        "churn over the customers at the end",
        "metrics/plan_nodes.py",
        'Quotient(members("start"), members("kept"), members("start"), kpi.min_samples)',
        'Quotient(members("start"), members("kept"), members("end"), kpi.min_samples)',
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "new customers make up for lost ones",
        "metrics/contributions.py",
        '"kept": "min(w.start, w.end)"',
        '"kept": "w.end"',
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "subscribers are active by their purchases too",
        "metrics/membership.py",
        "        if found:\n            break\n",
        "",
        "tests/unit/metrics/test_membership.py::test_the_intervals_of_a_member[own6-rules6-None-expected6]",
    ),
    Mistake(
        "an explicit end is ignored",
        "metrics/membership.py",
        "(a, until if b is None else min(b, until))",
        "(a, b)",
        "tests/unit/metrics/test_membership.py::test_the_intervals_of_a_member[own11-rules11-25-expected11]",
    ),
    Mistake(
        "a year's amount for a month",
        "metrics/derived.py",
        '"year": (1, 12)',
        '"year": (1, 1)',
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "a cancelled contract goes on",
        "metrics/derived.py",
        "ended_at if p.to is None else min(p.to, ended_at)",
        "p.to",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "a step back is a step forward",
        "metrics/derived.py",
        "if order[s] > order[stage] and e > at]",
        "if s != stage and e > at]",
        _golden("second 2021-03-31"),
    ),
    Mistake(
        "a lost deal leaves all its stages",
        "metrics/derived.py",
        " and closed_at is not None and stage == last:",
        " and closed_at is not None:",
        "tests/unit/metrics/test_derived.py::test_the_exits_of_a_deal_from_its_stages[entered16-lost-9-expected16]",
    ),
    # ------------------------------------------------------------------------------------------------------------ time
    Mistake(
        "<= for < at T",
        "metrics/contributions.py",
        '            "    if t < now:",',
        '            "    if t <= now:",',
        _golden("second 2021-04-14"),
    ),
    Mistake(
        "<= for < at the end of a cohort's time",
        "metrics/contributions.py",
        '<= {reached} - {self.code.field(cube.key.at)} < {within}"',
        '<= {reached} - {self.code.field(cube.key.at)} <= {within}"',
        f"{_ROWS}::test_a_lead_converts_within_ninety_days[2026-05-30T08:00:00.000Z-0]",
    ),
    Mistake(
        "the cohort is not shifted",
        "metrics/plan_nodes.py",
        "shift = (kpi.within or 0) if matured else 0",
        "shift = 0",
        _golden("first 2026-10-25"),
    ),
    Mistake(
        "thirty days and today",
        "metrics/calendar.py",
        "return today - int(token[:-1]) + 1, today + 1, None",
        "return today - int(token[:-1]), today + 1, None",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "weeks begin on Sunday",
        "metrics/calendar.py",
        "return day - d.weekday()",
        "return day - d.isoweekday() % 7",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "every day has 24 hours from midnight UTC",
        "metrics/calendar.py",
        "        return (ms + offset) // DAY_MS + _EPOCH_ORDINAL\n\n    def days_of",
        "        return ms // DAY_MS + _EPOCH_ORDINAL\n\n    def days_of",
        f"{_QUOTA}::test_a_rate_that_comes_late_makes_a_quota_reached",
    ),
    Mistake(
        "members that leave by themselves stay",
        "metrics/membership.py",
        "            if position < len(passes):\n                change = min(change, passes[position])\n",
        "",
        f"{_GOLDEN}::test_history_grows_to_the_same_values[first-1-whole]",
    ),
    Mistake(
        "a record of tomorrow is the latest",
        "metrics/evaluate.py",
        "max((date for date in dates if date <= context.today), default=None)",
        "max(dates, default=None)",
        _golden("second 2021-03-28"),
    ),
    # ----------------------------------------------------------------------------------------------------------- money
    Mistake(
        "yesterday's sale at today's rate",
        "metrics/evaluate.py",
        "return self.rates.factor(currency, self.today if day is None else day)",
        "return self.rates.factor(currency, self.today)",
        f"{_QUOTA}::test_a_rate_that_comes_late_makes_a_quota_reached",
    ),
    Mistake(
        "any old rate will do",
        "metrics/currency.py",
        "if at < 0 or day - days[at] > self._max_age_days:",
        "if at < 0:",
        f"{_QUOTA}::test_a_rate_that_comes_late_makes_a_quota_reached",
    ),
    Mistake(
        "yen have cents",
        "metrics/currency.py",
        "return _EXPONENTS.get(currency, 2)",
        "return 2",
        _golden("second 2021-03-31"),
    ),
    # ----------------------------------------------------------------------------------------------------------- state
    Mistake(
        "an older version wins",
        "metrics/entities.py",
        "        if key <= old.key:\n",
        "        if key == old.key:\n",
        _golden("first 2026-10-31"),
    ),
    Mistake(
        "an amended deal keeps its old amount",
        "metrics/shard.py",
        "                cube.take_out += old\n",
        "",
        f"{_QUOTA}::test_what_changes_afterwards_changes_the_quarter[more0-expected0]",
    ),
    Mistake(
        "a moved deal still counts for its old lead",
        "metrics/shard.py",
        "if was is not None and (is_now is None or is_now[0] != was[0]):",
        "if was is not None and is_now is None:",
        "tests/unit/metrics/test_shard.py::test_a_child_tells_its_parents_what_changed[events5-expected5]",
    ),
    # -------------------------------------------------------------------------------------------------------- upgrades
    Mistake(
        "fields of another layout are read by their places",
        "metrics/layouts.py",
        "        was, value = places.get(place.name, (place, None))\n",
        "        was, value = place, dict(zip(after, values, strict=False)).get(place)\n",
        _UPGRADE,
    ),
    Mistake(
        "children are not told anew by other declarations",
        "metrics/layouts.py",
        "if before.get(name) != meaning)",
        "if name not in before)",
        _UPGRADE,
    ),
    Mistake(
        "parents keep what children told them by other declarations",
        "metrics/layouts.py",
        "return relation in now.children and before.children.get(relation) == now.children[relation]",
        "return relation in now.children",
        _UPGRADE,
    ),
    Mistake(
        "links of an earlier meaning still count",
        "metrics/shard.py",
        "if not self._layouts.is_current(sent.relation, sent.meaning):",
        "if not sent.meaning:",
        "tests/unit/metrics/test_layouts.py::test_a_link_of_an_earlier_meaning_counts_no_more",
    ),
    Mistake(
        "a record of another release is read all the same",
        "metrics/records.py",
        '    if version != RECORD_VERSION:\n        raise UnreadableRecordError(f"it has',
        '    if version == 99:\n        raise UnreadableRecordError(f"it has',
        "tests/unit/metrics/test_layouts.py::test_damaged_cells_are_written_anew_and_refused_by_a_view",
    ),
)
