"""Simulate a sales organisation: a seeded, pure stream of events as a CRM would send them.

The same seed and start give the same events, to the byte. Nothing here asks the time: the caller says up to which
instant the organisation has lived. `streams.simulate_engine` keeps the clock; here is what people do.
"""

import math
from datetime import date, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from streams.envelope import format_instant
from streams.simulate_engine import DAY, HOUR, MINUTE, SATURDAY, SECOND, Entity, Simulation

__all__ = ["Organisation"]

TEAMS = ("north", "south", "east", "west")
REPS = tuple((f"rep-{number:02d}", TEAMS[number % len(TEAMS)]) for number in range(1, 13))
SOURCES = {"web": 45, "referral": 15, "partner": 12, "outbound": 18, "event": 10}
CHANNELS = {"online": 50, "phone": 30, "field": 20}
REGIONS = {"benelux": 40, "dach": 25, "nordics": 15, "americas": 20}
LOST_REASONS = {"price": 35, "competitor": 25, "timing": 20, "no_budget": 12, "no_response": 8}
PIPELINE = "new_business"
STAGES = ("qualified", "proposal", "negotiation")
_LOSS = {"qualified": 0.24, "proposal": 0.22, "negotiation": 0.27}
_STAGE_DAYS = {"qualified": 4.0, "proposal": 6.0, "negotiation": 5.0}
_MONTHLY_TARGET_MINOR = 140_000_000
_LEADS_PER_OFFICE_HOUR = 6.0
_PLAN_LEAD_DAYS = 5
_STOCK, _STOCK_DAYS = 280, 28
# Share of the busiest hour at which leads come in, by local hour: nights are quiet, never silent.
_RHYTHM = (2, 1, 1, 1, 1, 2, 5, 15, 45, 90, 100, 95, 70, 80, 95, 90, 75, 45, 25, 20, 18, 14, 8, 4)
_WEEKEND = 0.12


class Product(NamedTuple):
    """A product as the simulated price list has it; an unknown cost stays unknown in every deal line."""

    product_id: str
    price_minor: int
    cost_ratio: float | None


PRODUCTS = (
    Product("p-basic", 60_000, 0.35),
    Product("p-plus", 140_000, 0.33),
    Product("p-pro", 320_000, 0.30),
    Product("p-enterprise", 950_000, 0.28),
    Product("p-support", 90_000, 0.55),
    Product("p-training", 120_000, 0.60),
    Product("p-hardware", 210_000, 0.74),
    Product("p-consulting", 180_000, None),
)


class Organisation(Simulation):
    """A simulated sales organisation of four teams, twelve reps and eight products.

    Args:
        seed: Chooses one of the possible courses of things.
        start_ms: The present: `history` ends here and `advance` goes on from here.
        zone: The business time zone, whose office hours give the daily rhythm.
        pace: How many times denser things happen after `start_ms`. All timestamps stay those of the real moment. At
            any pace but 1 the office never closes (a demo is also watched at night) and leads and deals move on faster
            in the same proportion, so that the stock of open deals stays as it is; the time to a first response does
            not change.
    """

    def __init__(self, seed: int, start_ms: int, zone: ZoneInfo, *, pace: float = 1.0) -> None:
        super().__init__(seed, start_ms, zone, pace=pace)
        self._customers: list[str] = []
        self._rate = 1.08

    def begin(self, at: int) -> None:
        """Set the first happenings: what was under way already, plans, rates, and the streams of leads and renewals."""
        self._stock(at)
        self._first_plans(at)
        self._rates_before(at)
        self._every_day(at, time(9, 0), self._submit_plans)
        self._every_day(at, time(16, 0), self._publish_rate)
        self._schedule(at, self._next_lead)
        self._schedule(at, self._next_renewal)

    # ------------------------------------------------------------------------------------------------------------ leads

    def _next_lead(self, at: int) -> None:
        """Let a lead come in, or not, and set the next chance: a Poisson stream thinned to the daily rhythm."""
        pace = self._pace
        gap = self._random.expovariate(_LEADS_PER_OFFICE_HOUR * pace / HOUR)
        self._schedule(at + max(1, int(gap)), self._next_lead)
        local = self._local(at)
        share = _RHYTHM[local.hour] / 100 * (_WEEKEND if local.weekday() >= SATURDAY else 1.0)
        if pace != 1 or self._chance(share):
            self._lead(at)

    def _lead(self, at: int) -> None:
        owner_id, team_id = self._random.choice(REPS)
        source = self._pick(SOURCES)
        lead = self._new("lead", "l", {
            "created_at": format_instant(at),
            "status": "new",
            "qualified_at": None,
            "customer_id": None,
            "source": source,
            "channel": self._pick(CHANNELS),
            "region": self._pick(REGIONS),
            "owner_id": owner_id,
            "team_id": team_id,
        })  # fmt: skip
        if source == "outbound" and self._chance(0.6):
            # Called first, typed in later: the activity is there before its lead.
            called = at - self._random.randint(5 * MINUTE, 3 * HOUR)
            self._activity(at, lead, kind="call", happened=called, lag=self._random.randint(50, 2 * SECOND))
            self._put(lead, at, self._random.randint(1 * MINUTE, 40 * MINUTE))
        else:
            self._put(lead, at)
            if source in {"web", "event"}:
                self._schedule(
                    at + self._random.randint(1 * MINUTE, 6 * MINUTE), lambda t: self._automatic_mail(t, lead)
                )
            if self._chance(0.93):
                answers = self._in_office(at + self._around(35 * MINUTE, 1.1))
                self._schedule(answers, lambda t: self._answer(t, lead))
        if self._chance(0.012):
            self._schedule(self._stage_time(at, 0.5), lambda t: self._spam(t, lead))
        else:
            self._schedule(self._stage_time(at, 1.6), lambda t: self._judge(t, lead))

    def _automatic_mail(self, at: int, lead: Entity) -> None:
        self._activity(at, lead, kind="email", actor="automation")

    def _answer(self, at: int, lead: Entity) -> None:
        if lead.gone:
            return
        self._activity(at, lead, kind=self._pick({"call": 55, "email": 35, "chat": 7, "meeting": 3}))
        if lead.fields["status"] == "new":
            self._patch(lead, at, status="working")
        if self._chance(0.3):
            reply = at + self._around(3 * HOUR)
            self._schedule(
                reply, lambda t: self._activity(t, lead, kind="email", direction="inbound", actor="customer")
            )

    def _spam(self, at: int, lead: Entity) -> None:
        self._delete(lead, at)

    def _judge(self, at: int, lead: Entity) -> None:
        draw = self._random.random()
        if draw < 0.5:  # noqa: PLR2004 - the shares of the outcomes; the rest stays as it is for ever
            self._patch(lead, at, status="qualified", qualified_at=format_instant(at))
            if self._chance(0.75):
                self._schedule(self._stage_time(at, 1.0), lambda t: self._convert(t, lead))
        elif draw < 0.92:  # noqa: PLR2004
            self._patch(lead, at, status="disqualified")

    def _convert(self, at: int, lead: Entity) -> None:
        customer_id = self._customer()
        lead.fields |= {"status": "converted", "customer_id": customer_id}
        self._put(lead, at)
        first_contact = lead.fields["created_at"] if self._chance(0.7) else None
        more = {"lead_id": lead.entity_id, "first_contact_at": first_contact}
        self._deal(at, self._new_deal(at, lead.fields, customer_id, **more))

    def _customer(self) -> str:
        number = self._counters["customer"] = self._counters.get("customer", 0) + 1
        self._customers.append(f"c-{self._run}-{number:06d}")
        return self._customers[-1]

    # ------------------------------------------------------------------------------------------------------------ deals

    def _next_renewal(self, at: int) -> None:
        """Open a deal with a customer of old, without a lead, now and then."""
        self._schedule(self._in_office(at + int(self._around(2.2 * HOUR) / self._pace) + 1), self._next_renewal)
        if not self._customers:
            return
        owner_id, team_id = self._random.choice(REPS)
        attributes = {"owner_id": owner_id, "team_id": team_id, "region": self._pick(REGIONS),
                      "channel": self._pick(CHANNELS), "source": "referral"}  # fmt: skip
        kind = self._pick({"expansion": 60, "renewal": 40})
        self._deal(at, self._new_deal(at, attributes, self._random.choice(self._customers), deal_type=kind))

    def _deal(self, at: int, deal: Entity) -> None:
        self._put(deal, at)
        self._work_on(at, deal)

    def _new_deal(self, at: int, attributes: dict[str, Any], customer_id: str, **more: Any) -> Entity:
        region = attributes["region"]
        return self._new("deal", "d", {
            "customer_id": customer_id,
            "lead_id": None,
            "pipeline_id": PIPELINE,
            "stage": STAGES[0],
            "status": "open",
            "currency": "USD" if region == "americas" else "EUR",
            "lines": self._lines(),
            "probability": None,
            "owner_id": attributes["owner_id"],
            "team_id": attributes["team_id"],
            "region": region,
            "channel": attributes["channel"],
            "source": attributes["source"],
            "deal_type": "new_business",
            "created_at": format_instant(at),
            "first_contact_at": None,
            "expected_close_date": (self._local(at).date() + timedelta(days=self._random.randint(10, 45))).isoformat(),
            "closed_at": None,
            "lost_reason": None,
            "stage_entered_at": {STAGES[0]: format_instant(at)},
            **more,
        })  # fmt: skip

    def _stock(self, at: int) -> None:
        """Send the deals that were under way already: an organisation does not begin with an empty pipeline."""
        for _ in range(_STOCK):
            created_at = at - self._random.randint(1 * HOUR, _STOCK_DAYS * DAY)
            owner_id, team_id = self._random.choice(REPS)
            attributes = {"owner_id": owner_id, "team_id": team_id, "region": self._pick(REGIONS),
                          "channel": self._pick(CHANNELS), "source": self._pick(SOURCES)}  # fmt: skip
            deal = self._new_deal(created_at, attributes, self._customer())
            deal.stage = self._random.randrange(len(STAGES))
            entered = [format_instant(created_at + (at - created_at) * step // 4) for step in range(deal.stage + 1)]
            deal.fields |= {"stage": STAGES[deal.stage], "stage_entered_at": dict(zip(STAGES, entered, strict=False))}
            self._put(deal, at, self._random.randint(100, 2 * SECOND))
            self._work_on(at, deal)

    def _lines(self) -> list[dict[str, Any]]:
        lines = []
        for number, product in enumerate(self._random.sample(PRODUCTS, self._random.choice((1, 1, 2, 2, 3))), 1):
            quantity = self._random.choice((1, 1, 1, 2, 2, 3, 5))
            amount = int(product.price_minor * quantity * self._random.uniform(0.8, 1.0))
            cost = None if product.cost_ratio is None else int(product.price_minor * quantity * product.cost_ratio)
            lines.append({"line_id": str(number), "product_id": product.product_id, "quantity": str(quantity),
                          "amount_minor": amount, "cost_minor": cost})  # fmt: skip
        return lines

    def _work_on(self, at: int, deal: Entity) -> None:
        """Plan the contacts of the deal's stage and the end of that stage."""
        ends = self._stage_time(at, _STAGE_DAYS[STAGES[deal.stage]])
        for _ in range(self._random.randint(1, 3)):
            contact = self._in_office(at + int(self._random.random() * (ends - at)))
            if self._chance(0.35):
                self._schedule(contact, lambda t: self._book_meeting(t, deal))
            else:
                kind = self._pick({"call": 60, "email": 40})
                self._schedule(contact, lambda t, kind=kind: self._contact(t, deal, kind))  # type: ignore[misc]
        self._schedule(ends, lambda t: self._leave_stage(t, deal))

    def _contact(self, at: int, deal: Entity, kind: str) -> None:
        self._activity(at, deal, kind=kind)

    def _leave_stage(self, at: int, deal: Entity) -> None:
        draw = self._random.random()
        if draw < 0.01:  # noqa: PLR2004 - a deal that never was one
            self._delete(deal, at)
        elif draw < 0.035:  # noqa: PLR2004
            self._close(at, deal, "cancelled")
        elif self._chance(_LOSS[STAGES[deal.stage]]):
            self._close(at, deal, "lost")
        elif deal.stage == len(STAGES) - 1:
            self._close(at, deal, "won")
        else:
            self._next_stage(at, deal)

    def _next_stage(self, at: int, deal: Entity) -> None:
        deal.stage += 1
        stage = STAGES[deal.stage]
        entered = {stage: format_instant(at)}
        amended = {"lines": self._lines()} if self._chance(0.3) else {}
        # The same news in the two forms that sources use.
        if self._chance(0.5):
            deal.fields |= amended | {"stage": stage, "stage_entered_at": deal.fields["stage_entered_at"] | entered}
            self._put(deal, at)
        else:
            everything = deal.fields["stage_entered_at"] | entered
            self._patch(deal, at, **amended, stage=stage, stage_entered_at=everything)
        if self._chance(0.15):
            later = at + self._around(1 * DAY / self._pace)
            self._schedule(self._in_office(later), lambda t: self._amend(t, deal))
        self._work_on(at, deal)

    def _amend(self, at: int, deal: Entity) -> None:
        """Change what is sold, or who sells it; also after the deal was closed, as it happens."""
        if deal.gone:
            return
        if self._chance(0.8):
            self._patch(deal, at, lines=self._lines())
        else:
            owner_id, team_id = self._random.choice(REPS)
            self._patch(deal, at, owner_id=owner_id, team_id=team_id)

    def _close(self, at: int, deal: Entity, status: str) -> None:
        reason = self._pick(LOST_REASONS) if status == "lost" else None
        if self._chance(0.5):
            deal.fields |= {"status": status, "closed_at": format_instant(at), "lost_reason": reason}
            self._put(deal, at)
        else:
            self._patch(deal, at, status=status, closed_at=format_instant(at), lost_reason=reason)
        if status != "cancelled" and self._chance(0.04):
            self._schedule(self._stage_time(at, 2.0), lambda t: self._reopen(t, deal))

    def _reopen(self, at: int, deal: Entity) -> None:
        self._patch(deal, at, status="open", closed_at=None, lost_reason=None)
        self._work_on(at, deal)

    # ------------------------------------------------------------------------------------------------------- activities

    def _activity(
        self, at: int, about: Entity, happened: int | None = None, lag: int | None = None, **more: Any
    ) -> None:
        """Send a completed activity that was recorded at `at`."""
        if about.gone:
            return
        activity = self._new_activity(at if happened is None else happened, about)
        instant = activity.fields["created_at"]
        activity.fields |= {"status": "completed", "occurred_at": instant, **more}
        if activity.fields["kind"] == "email" and activity.fields["direction"] == "outbound":
            activity.fields["delivered_at"] = instant
        self._put(activity, at, lag)

    def _new_activity(self, at: int, about: Entity) -> Entity:
        fields, is_lead = about.fields, about.type == "lead"
        return self._new("activity", "a", {
            "kind": "meeting",
            "direction": "outbound",
            "actor": "human",
            "status": "planned",
            "quantity": 1,
            "rep_id": fields["owner_id"],
            "team_id": fields["team_id"],
            "lead_id": about.entity_id if is_lead else fields["lead_id"],
            "deal_id": None if is_lead else about.entity_id,
            "customer_id": fields["customer_id"],
            "channel": fields["channel"],
            "region": fields["region"],
            "created_at": format_instant(at),
            "occurred_at": None,
        })  # fmt: skip

    def _book_meeting(self, at: int, deal: Entity) -> None:
        if deal.gone:
            return
        meeting = self._new_activity(at, deal)
        self._put(meeting, at)
        self._schedule(self._stage_time(at, 1.5), lambda t: self._meet(t, meeting))

    def _meet(self, at: int, meeting: Entity) -> None:
        status = self._pick({"completed": 86, "no_show": 8, "cancelled": 6})
        if status == "completed":
            self._patch(meeting, at, status=status, occurred_at=format_instant(at))
        else:
            self._patch(meeting, at, status=status)

    # -------------------------------------------------------------------------------------------------- plans and rates

    def _first_plans(self, at: int) -> None:
        today = self._local(at).date()
        self._targets(at, today, quarter=True)
        coming = today + timedelta(days=_PLAN_LEAD_DAYS)
        if coming.month != today.month:
            self._targets(at, coming, quarter=coming.month % 3 == 1)

    def _submit_plans(self, at: int, day: date) -> None:
        coming = day + timedelta(days=_PLAN_LEAD_DAYS)
        if coming.day == 1:
            self._targets(at, coming, quarter=coming.month % 3 == 1)

    def _targets(self, at: int, day: date, *, quarter: bool) -> None:
        """Send the targets of the month, and of the quarter, that hold `day`: for the company and for each team."""
        month = _MONTHLY_TARGET_MINOR * self._random.randint(95, 110) // 100
        self._target(at, f"{day:%Y-%m}", month)
        if quarter:
            self._target(at, f"{day.year}-Q{(day.month + 2) // 3}", month * 3)

    def _target(self, at: int, period: str, company_minor: int) -> None:
        for team_id in (None, *TEAMS):
            plan = Entity("plan", f"target-{self._run}-{period}-{team_id or 'company'}", {
                "kind": "target",
                "metric": "revenue",
                "period": period,
                "rep_id": None,
                "team_id": team_id,
                "region": None,
                "product_id": None,
                "amount_minor": company_minor if team_id is None else company_minor // len(TEAMS),
                "currency": "EUR",
                "submitted_at": format_instant(at),
            })  # fmt: skip
            self._put(plan, at, 100)

    def _rates_before(self, at: int) -> None:
        """Send the rates of the working days just before, so that money can be converted from the first event on."""
        today = self._local(at).date()
        for day in (today - timedelta(days=back) for back in (4, 3, 2, 1)):
            self._publish_rate(at, day)

    def _publish_rate(self, at: int, day: date) -> None:
        if day.weekday() >= SATURDAY:
            return
        self._rate = min(1.25, max(0.95, self._rate * math.exp(self._random.gauss(0.0, 0.004))))
        # No run in the id: the rate of a day is one thing, whoever sends it.
        rate = Entity("fx_rate", f"EUR/USD:{day}", {
            "base": "EUR", "quote": "USD", "rate_date": day.isoformat(), "rate": f"{self._rate:.4f}",
        })  # fmt: skip
        self._put(rate, at, self._random.randint(100, 2 * SECOND))
