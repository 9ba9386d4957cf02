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


_SOURCES = "config/catalogue/sources.yaml"
_FUNNEL, _SPEED = "config/catalogue/funnel.yaml", "config/catalogue/speed.yaml"
_REVENUE, _PEOPLE = "config/catalogue/revenue.yaml", "config/catalogue/people.yaml"
_MADE, _SATISFIED = "config/catalogue/manufacturing.yaml", "config/catalogue/satisfaction.yaml"

MISTAKES = (
    # --------------------------------------------------------------------------------------------- who and what counts
    Mistake(
        "automatic replies count as answers",
        _SOURCES,
        "          actor: human\n          direction",
        "          direction",
    ),
    Mistake("what a lead writes counts as an answer", _SOURCES, "          direction: outbound\n", ""),
    Mistake(
        "a planned call counts as an answer",
        _SOURCES,
        "          status: completed\n          kind: {in: [call, email",
        "          kind: {in: [call, email",
    ),
    Mistake("outreach of long ago answers a new lead", _SOURCES, ", not_before: {field: created_at, minus: 24h}", ""),
    Mistake(
        "a lost deal converts a lead",
        _SOURCES,
        "parent: lead_id, at: closed_at, where: {status: won}",
        "parent: lead_id, at: closed_at",
    ),
    Mistake("only wins are compared with wins", _FUNNEL, "where: {status: {in: [won, lost]}}", "where: {status: won}"),
    Mistake("disqualified leads are ready for sales", _FUNNEL, "    where: {status: {not: disqualified}}\n", ""),
    Mistake("running trials are in the denominator", _FUNNEL, "at: trial_resolved_at", "at: trial_started_at"),
    Mistake(
        "cancelled meetings are booked",
        "config/catalogue/engagement.yaml",
        "where: {kind: meeting, status: {not: cancelled}}",
        "where: {kind: meeting}",
    ),
    Mistake(
        "all spend is acquisition",
        "config/catalogue/cost.yaml",
        "    where: {category: {in: [marketing, sales]}}\n",
        "",
    ),
    Mistake(
        "unreliable opens count",
        "config/catalogue/engagement.yaml",
        "where: {kind: email, open_unreliable: {not: true}, opened_at",
        "where: {kind: email, opened_at",
    ),
    Mistake(
        "cancelled training is due",
        "config/catalogue/enablement.yaml",
        "where: {kind: training, status: {not: cancelled}}",
        "where: {kind: training}",
    ),
    Mistake("subscriptions without a trial convert", _FUNNEL, ", where: {trial_started_at: {exists: true}}", ""),
    Mistake("all pieces are good pieces", _MADE, "times: values.good_count", "times: values.total_count"),
    Mistake("snapshots of a location are added up", _MADE, "        agg: mean\n", "        agg: sum\n"),
    Mistake("satisfied from 70 % on", _SOURCES, 'times: "0.8"', 'times: "0.7"'),
    Mistake("an 8 promotes", _SATISFIED, "score: {gte: 9}", "score: {gte: 8}"),
    Mistake("a 7 detracts", _SATISFIED, "score: {lte: 6}", "score: {lte: 7}"),
    Mistake(
        "no spend is a spend of 0",
        "metrics/plan_nodes.py",
        "            required = kpi.require is not None\n",
        "            required = False\n",
    ),
    Mistake(
        "lines without a cost are all margin",
        _REVENUE,
        "    numerator:\n      measure:\n        from: deal\n        at: closed_at\n"
        "        where: {status: won, lines.cost_minor: {exists: true}}",
        "    numerator:\n      measure:\n        from: deal\n        at: closed_at\n        where: {status: won}",
    ),
    # -------------------------------------------------------------------------------------------------------- formulas
    Mistake("growth without taking 1 off", _REVENUE, "    expr: now / before - 1", "    expr: now / before"),
    Mistake(
        "accuracy as a share of the forecast",
        _REVENUE,
        "abs(forecast - actual) / actual)",
        "abs(forecast - actual) / forecast)",
    ),
    Mistake("a cycle begins at creation", _SPEED, "from: [first_contact_at, created_at]", "from: created_at"),
    Mistake(
        "calls before the lead are left out",
        _SPEED,
        "    value: {duration: {from: created_at, to: first_response_at}, negative: clamp}",
        "    value: {duration: {from: created_at, to: first_response_at}, negative: exclude}",
    ),
    Mistake(
        "the median for the mean",
        "metrics/plan_nodes.py",
        'if parts.agg in {"sum", "mean"}:',
        'if parts.agg in {"sum"}:',
    ),
    Mistake("fulfilled late is fulfilled", _MADE, "on_time: true", "on_time: {in: [true, false]}"),
    Mistake(
        "an order due today is late already",
        _SOURCES,
        "due_end: {instant_of: {date: promised_on, edge: day_end}}",
        "due_end: {instant_of: {date: promised_on, edge: quarter_start}}",
    ),
    Mistake("quotas must be exceeded", "metrics/combine.py", "else actual >= round(bar)", "else actual > round(bar)"),
    # ----------------------------------------------------------------------------------------------------- populations
    Mistake(
        "leavers are still employed", _SOURCES, "      - {from: hired_at, to: left_at}", "      - {from: hired_at}"
    ),
    Mistake("anybody is in sales", _SOURCES, "    from: rep\n    where: {role: sales}\n", "    from: rep\n"),
    Mistake(
        "turnover over the headcount at the end",
        _PEOPLE,
        "expr: left / ((start + end) / 2)",
        "expr: left / (end + 0 * start)",
    ),
    Mistake(
        "churn over the customers at the end",
        "metrics/plan_nodes.py",
        'Quotient(members("start"), members("kept"), members("start"), kpi.min_samples)',
        'Quotient(members("start"), members("kept"), members("end"), kpi.min_samples)',
    ),
    Mistake(
        "new customers make up for lost ones",
        "metrics/contributions.py",
        '"kept": "min(w.start, w.end)"',
        '"kept": "w.end"',
    ),
    Mistake(
        "subscribers are active by their purchases too",
        "metrics/membership.py",
        "        if found:\n            break\n",
        "",
    ),
    Mistake(
        "an explicit end is ignored", "metrics/membership.py", "(a, until if b is None else min(b, until))", "(a, b)"
    ),
    Mistake("a year's amount for a month", "metrics/derived.py", '"year": (1, 12)', '"year": (1, 1)'),
    Mistake(
        "a cancelled contract goes on",
        "metrics/derived.py",
        "ended_at if p.to is None else min(p.to, ended_at)",
        "p.to",
    ),
    Mistake(
        "a step back is a step forward",
        "metrics/derived.py",
        "if order[s] > order[stage] and e > at]",
        "if s != stage and e > at]",
    ),
    Mistake(
        "a lost deal leaves all its stages",
        "metrics/derived.py",
        " and closed_at is not None and stage == last:",
        " and closed_at is not None:",
    ),
    # ------------------------------------------------------------------------------------------------------------ time
    Mistake(
        "<= for < at T", "metrics/contributions.py", '            "    if t < now:",', '            "    if t <= now:",'
    ),
    Mistake(
        "<= for < at the end of a cohort's time",
        "metrics/contributions.py",
        '<= {reached} - {self.code.field(cube.key.at)} < {within}"',
        '<= {reached} - {self.code.field(cube.key.at)} <= {within}"',
    ),
    Mistake(
        "the cohort is not shifted", "metrics/plan_nodes.py", "shift = (kpi.within or 0) if matured else 0", "shift = 0"
    ),
    Mistake(
        "thirty days and today",
        "metrics/calendar.py",
        "return today - int(token[:-1]) + 1, today + 1, None",
        "return today - int(token[:-1]), today + 1, None",
    ),
    Mistake(
        "weeks begin on Sunday", "metrics/calendar.py", "return day - d.weekday()", "return day - d.isoweekday() % 7"
    ),
    Mistake(
        "every day has 24 hours from midnight UTC",
        "metrics/calendar.py",
        "        return (ms + offset) // DAY_MS + _EPOCH_ORDINAL\n\n    def days_of",
        "        return ms // DAY_MS + _EPOCH_ORDINAL\n\n    def days_of",
    ),
    Mistake(
        "members that leave by themselves stay",
        "metrics/membership.py",
        "            if position < len(passes):\n                change = min(change, passes[position])\n",
        "",
    ),
    Mistake(
        "a record of tomorrow is the latest",
        "metrics/evaluate.py",
        "max((date for date in dates if date <= context.today), default=None)",
        "max(dates, default=None)",
    ),
    # ----------------------------------------------------------------------------------------------------------- money
    Mistake(
        "yesterday's sale at today's rate",
        "metrics/evaluate.py",
        "return self.rates.factor(currency, self.today if day is None else day)",
        "return self.rates.factor(currency, self.today)",
    ),
    Mistake(
        "any old rate will do", "metrics/currency.py", "if at < 0 or day - days[at] > self._max_age_days:", "if at < 0:"
    ),
    Mistake("yen have cents", "metrics/currency.py", "return _EXPONENTS.get(currency, 2)", "return 2"),
    # ----------------------------------------------------------------------------------------------------------- state
    Mistake(
        "an older version wins", "metrics/entities.py", "        if key <= old.key:\n", "        if key == old.key:\n"
    ),
    Mistake("an amended deal keeps its old amount", "metrics/shard.py", "                cube.take_out += old\n", ""),
    Mistake(
        "a moved deal still counts for its old lead",
        "metrics/shard.py",
        "if was is not None and (is_now is None or is_now[0] != was[0]):",
        "if was is not None and is_now is None:",
    ),
)
