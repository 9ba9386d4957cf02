"""Who works there: sales reps who are hired and leave, and what they must learn."""

from datetime import date, time, timedelta
from typing import NamedTuple

from streams.envelope import format_instant
from streams.simulate.engine import DAY, Entity, Simulation
from streams.simulate.lists import COURSES, TEAMS

_REPS, _FORMER, _BACK_OFFICE = 12, 3, 2
_NOTICE_DAYS, _FIRST_NOTICE_DAYS, _BETWEEN_DAYS = 60, 35, 55
_COURSE_DAYS = 21


class Rep(NamedTuple):
    """A rep as others need one."""

    rep_id: str
    team_id: str


class People:
    """The reps: twelve who sell, those who left or will, and a back office that does not sell."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._employed: dict[str, Entity] = {}
        self._leaving: list[tuple[date, Entity]] = []
        self._hired = 0
        self._next_notice = date.min

    def begin(self, at: int) -> None:
        """Send everybody, and let time pass."""
        for _ in range(_REPS):
            self._hire(at, self._days_ago(at, 90))
        for number in range(_FORMER):
            self._leave(at, self._hire(at, self._days_ago(at, 500)), at - (25 + 80 * number) * DAY)
        for _ in range(_BACK_OFFICE):
            self._hire(at, self._days_ago(at, 90), role="back_office")
        today = self._simulation.local(at).date()
        self._give_notice(at, today, _FIRST_NOTICE_DAYS)
        self._assign(at, today)
        self._simulation.every_day(at, time(8, 0), self._new_day)

    def pick(self) -> Rep:
        """Draw one who sells now."""
        return self._simulation.random.choice(self.present())

    def present(self) -> list[Rep]:
        """Return all who sell now."""
        return [Rep(rep_id, rep.fields["team_id"]) for rep_id, rep in self._employed.items()]

    def works(self, rep_id: str) -> bool:
        """Return whether this one sells now."""
        return rep_id in self._employed

    def _new_day(self, at: int, day: date) -> None:
        for last_day, rep in [*self._leaving]:
            if day > last_day:
                self._leaving.remove((last_day, rep))
                del self._employed[rep.entity_id]
                self._hire(at, at, team_id=rep.fields["team_id"])
        if day >= self._next_notice:
            self._give_notice(at, day, _NOTICE_DAYS)
        if day.day in {1, 15}:
            self._assign(at, day)

    def _hire(self, at: int, hired_at: int, *, role: str = "sales", team_id: str | None = None) -> Entity:
        self._hired += 1
        # No run in the id: reps are the labels of many series, and two runs into one topic should not double them.
        rep = Entity("rep", f"rep-{self._hired:02d}", {
            "role": role,
            "team_id": team_id or TEAMS[self._hired % len(TEAMS)],
            "hired_at": format_instant(hired_at),
            "left_at": None,
        }, shared=True)  # fmt: skip
        self._simulation.put(rep, at, 100)
        if role == "sales":
            self._employed[rep.entity_id] = rep
        return rep

    def _leave(self, at: int, rep: Entity, left_at: int) -> None:
        rep.fields["left_at"] = format_instant(left_at)
        self._simulation.put(rep, at + 1, 100)
        if left_at <= at:
            del self._employed[rep.entity_id]

    def _give_notice(self, at: int, day: date, days: int) -> None:
        """Let a rep say that he or she leaves in so many days: the end is known before it comes."""
        self._next_notice = day + timedelta(days=_BETWEEN_DAYS)
        rep = self._simulation.random.choice([r for r in self._employed.values() if r.fields["left_at"] is None])
        last_day = day + timedelta(days=days)
        self._leave(at, rep, self._simulation.clock(last_day, time(17, 30)))
        self._leaving.append((last_day, rep))

    def _days_ago(self, at: int, least: int) -> int:
        return at - self._simulation.random.randint(least, 1500) * DAY

    # --------------------------------------------------------------------------------------------------------- training

    def _assign(self, at: int, day: date) -> None:
        """Give every rep a course; most finish it, some too late, some never."""
        simulation = self._simulation
        course = COURSES[day.toordinal() // 14 % len(COURSES)]
        due_at = simulation.clock(day + timedelta(days=_COURSE_DAYS), time(17, 0))
        for rep in self.present():
            training = simulation.new("activity", "a", {
                "kind": "training",
                "direction": "internal",
                "actor": "human",
                "status": "planned",
                "rep_id": rep.rep_id,
                "team_id": rep.team_id,
                "content_id": course,
                "created_at": format_instant(at),
                "due_at": format_instant(due_at),
            })  # fmt: skip
            simulation.put(training, at)
            ends = simulation.in_office(at + simulation.around(0.6 * _COURSE_DAYS * DAY, 0.5))
            if simulation.chance(0.9):
                simulation.schedule(ends, lambda t, training=training: self._finish(t, training))  # type: ignore[misc]

    def _finish(self, at: int, training: Entity) -> None:
        if self._simulation.chance(0.1):
            self._simulation.patch(training, at, status="cancelled")
        else:
            self._simulation.patch(training, at, status="completed", occurred_at=format_instant(at))
