"""Engagement, enablement and satisfaction (KPIS M, N and O)."""

from fractions import Fraction

from tests.properties.oracle.answers import Grain, Table, per_count, rate, zero_or_more
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.people import People, quantity


class Engagement(People):
    """What is done to sell, and what customers and visitors do."""

    def sales_activities(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._completed(grain, token))

    def meetings_scheduled(self, grain: Grain, token: str) -> Table:
        booked = self._in(token, having(self.w.activities, kind="meeting"), "created_at")
        return zero_or_more(self._total("activity", [a for a in booked if a["status"] != "cancelled"], grain))

    def _quantity(self, kind: str, grain: Grain, token: str) -> Table:
        """Return how often something of a kind occurred."""
        occurred = self._in(token, having(self.w.activities, kind=kind), "occurred_at")
        return zero_or_more(self._total("activity", occurred, grain, quantity))

    def website_visits(self, grain: Grain, token: str) -> Table:
        return self._quantity("web_visit", grain, token)

    def social_interactions(self, grain: Grain, token: str) -> Table:
        return self._quantity("social", grain, token)

    def content_usage(self, grain: Grain, token: str) -> Table:
        return self._quantity("content_used", grain, token)

    def email_open_rate(self, grain: Grain, token: str) -> Table:
        delivered = self._in(token, having(self.w.activities, kind="email"), "delivered_at")
        reliable = [a for a in delivered if not a["open_unreliable"]]
        opened = [a for a in reliable if a["opened_at"] is not None and a["opened_at"] < self.w.as_of]
        return rate(self._total("activity", opened, grain), self._total("activity", reliable, grain))

    def training_completion_rate(self, grain: Grain, token: str) -> Table:
        assigned = self._in(token, having(self.w.activities, kind="training"), "due_at")
        due = [a for a in assigned if a["status"] != "cancelled"]
        completed = [a for a in due if a["status"] == "completed" and a["occurred_at"] < self.w.as_of]
        return rate(self._total("activity", completed, grain), self._total("activity", due, grain))


class Satisfaction(Formulas):
    """What customers say."""

    def feedback_responses(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._total("feedback", self._in(token, self.w.feedback, "responded_at"), grain))

    def csat(self, grain: Grain, token: str) -> Table:
        responses = self._in(token, having(self.w.feedback, kind="csat"), "responded_at")
        satisfied = [f for f in responses if f["score"] >= Fraction("0.8") * f["scale_max"]]
        return rate(self._total("feedback", satisfied, grain), self._total("feedback", responses, grain))

    def nps(self, grain: Grain, token: str) -> Table:
        responses = self._in(token, having(self.w.feedback, kind="nps"), "responded_at")
        promoters = self._total("feedback", [f for f in responses if f["score"] >= 9], grain)
        detractors = self._total("feedback", [f for f in responses if f["score"] <= 6], grain)
        count = self._total("feedback", responses, grain)
        return lambda dims: per_count(promoters[dims] - detractors[dims], count[dims])
