"""What people do with leads, deals and customers, and what visitors and readers do."""

from typing import Any

from streams.envelope import format_instant
from streams.simulate.engine import HOUR, Entity, Simulation
from streams.simulate.lists import CONTENT, REGIONS, SOCIAL_CHANNELS, VISIT_CHANNELS
from streams.simulate.people import People

_VISITS, _SOCIAL, _CONTENT = 1.5, 0.6, 0.7
"""How often in an office hour; the visits of some minutes come as one event."""
_MEETINGS = {"completed": 86, "no_show": 8, "cancelled": 6}


class Activities:
    """Calls, e-mails and meetings about something, and the quieter signs of interest."""

    def __init__(self, simulation: Simulation, people: People) -> None:
        self._simulation, self._people = simulation, people

    def begin(self, at: int) -> None:
        """Let visitors come, and let reps use the sales content."""
        self._simulation.stream(at, _VISITS, self._visit)
        self._simulation.stream(at, _SOCIAL, self._like)
        self._simulation.stream(at, _CONTENT, self._use_content)

    def record(
        self, at: int, about: Entity, *, happened: int | None = None, lag: int | None = None, **more: Any
    ) -> None:
        """Send a completed activity that was recorded at `at`; of a deleted lead or deal there are none."""
        if about.gone:
            return
        activity = self._new(at if happened is None else happened, about)
        instant = activity.fields["created_at"]
        activity.fields |= {"status": "completed", "occurred_at": instant, **more}
        if activity.fields["kind"] == "email" and activity.fields["direction"] == "outbound":
            activity.fields["delivered_at"] = instant
            if self._simulation.chance(0.4):
                read = at + int(self._simulation.around(2 * HOUR, 1.2) / self._simulation.pace) + 1
                self._simulation.schedule(read, lambda t: self._open(t, activity))
        self._simulation.put(activity, at, lag)

    def book_meeting(self, at: int, deal: Entity) -> None:
        """Book a meeting some days ahead; it is held, or not."""
        if deal.gone:
            return
        meeting = self._new(at, deal)
        self._simulation.put(meeting, at)
        self._simulation.schedule(self._simulation.later(at, 1.5), lambda t: self._meet(t, meeting))

    def _new(self, at: int, about: Entity) -> Entity:
        fields = about.fields
        return self._simulation.new("activity", "a", {
            "kind": "meeting",
            "direction": "outbound",
            "actor": "human",
            "status": "planned",
            "quantity": 1,
            "rep_id": fields.get("owner_id"),
            "team_id": fields.get("team_id"),
            "lead_id": about.entity_id if about.type == "lead" else fields.get("lead_id"),
            "deal_id": about.entity_id if about.type == "deal" else None,
            "customer_id": about.entity_id if about.type == "customer" else fields["customer_id"],
            "channel": fields.get("channel"),
            "region": fields["region"],
            "created_at": format_instant(at),
            "occurred_at": None,
        })  # fmt: skip

    def _open(self, at: int, email: Entity) -> None:
        """Let an e-mail be opened, by a reader or by a mail program that opens everything."""
        unreliable = self._simulation.chance(0.2)
        self._simulation.patch(email, at, opened_at=format_instant(at), open_unreliable=unreliable)

    def _meet(self, at: int, meeting: Entity) -> None:
        status = self._simulation.pick(_MEETINGS)
        if status == "completed":
            self._simulation.patch(meeting, at, status=status, occurred_at=format_instant(at))
        else:
            self._simulation.patch(meeting, at, status=status)

    # ------------------------------------------------------------------------------------------------ signs of interest

    def _visit(self, at: int) -> None:
        quantity = int(self._simulation.around(60, 0.6))
        self._sign(at, kind="web_visit", direction="inbound", actor="customer", quantity=quantity,
                   channel=self._simulation.pick(VISIT_CHANNELS), region=self._simulation.pick(REGIONS))  # fmt: skip

    def _like(self, at: int) -> None:
        quantity = int(self._simulation.around(4))
        self._sign(at, kind="social", direction="inbound", actor="customer", quantity=quantity,
                   channel=self._simulation.pick(SOCIAL_CHANNELS))  # fmt: skip

    def _use_content(self, at: int) -> None:
        rep_id, team_id = self._people.pick()
        content_id = self._simulation.pick(CONTENT)
        self._sign(at, kind="content_used", direction="outbound", actor="human", quantity=1, rep_id=rep_id,
                   team_id=team_id, content_id=content_id)  # fmt: skip

    def _sign(self, at: int, **fields: Any) -> None:
        instant = format_instant(at)
        fields |= {"status": "completed", "created_at": instant, "occurred_at": instant}
        self._simulation.put(self._simulation.new("activity", "a", fields), at)
