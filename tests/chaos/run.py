"""One run: feed, faults, the end, and the checks.

    python -m tests.chaos.run --seed 1 --events 1000 --folder FOLDER --expected FOLDER

Says how far it is on standard output, one JSON object a line, and its outcome in `outcome.json` of its folder.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import msgspec
from aiokafka.errors import KafkaError

from tests.chaos.checks import Report, check_cells, check_entities, check_letters, check_redis, check_topic
from tests.chaos.committed import published
from tests.chaos.expected import expected_of
from tests.chaos.faults import Fault
from tests.chaos.inflict import inflict
from tests.chaos.installation import Installation
from tests.chaos.logs import unexplained
from tests.chaos.outcome import Outcome
from tests.chaos.scenario import Act, Scenario, scenario
from tests.integration.cluster import wait_until_applied

_FEEDING_SECONDS = 600.0
_STANDSTILL_SECONDS = 90.0
"""So long nothing may be applied after the last fault: to join anew takes two time-outs of ten seconds, and to open."""
_PUBLISH_SECONDS = 120.0


class Run:
    """A scenario that is played in a folder."""

    def __init__(self, played: Scenario, folder: Path, expected: Path, say: Callable[[str, int], None]) -> None:
        self._scenario = played
        self._expected = expected
        self._say = say
        self._installation = Installation(played, folder)
        self.outcome = Outcome(played.seed, played.feed.events)

    async def play(self) -> None:
        """Play it to its end, and look at everything."""
        begun = time.monotonic()
        installation = self._installation
        installation.declare(self._scenario.acts[0].declared)
        try:
            async with installation.opened():
                for number, act in enumerate(self._scenario.acts):
                    if number:
                        await self._end_programs(gently=self._scenario.gently)
                    await self._act(act)
                await self._settle()
                await self._check()
        except (TimeoutError, KafkaError) as error:
            self.outcome.failures.append(f"{type(error).__name__}: {error}")
        for log in sorted(installation.folder.glob("*-?.log")):
            self.outcome.failures += unexplained(log)
        self.outcome.seconds = time.monotonic() - begun

    async def _act(self, act: Act) -> None:
        """Start what belongs to an act, and let all of its faults happen."""
        installation = self._installation
        installation.declare(act.declared)
        installation.tell(f"declarations `{act.declared}`")
        for number, worker in enumerate(installation.workers.values()):
            if number < act.workers:
                worker.start()
        for view in installation.views.values():
            view.start()
        await installation.until_opened(_STANDSTILL_SECONDS)
        if not installation.feeder.runs:
            installation.feeder.start()
        await asyncio.gather(*(self._lane(name, faults) for name, faults in act.lanes.items()))

    async def _lane(self, name: str, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            await inflict(self._installation, name, fault)
            self.outcome.faults[fault.kind] = self.outcome.faults.get(fault.kind, 0) + 1
            self._say("faults", self._done)

    @property
    def _done(self) -> int:
        return sum(self.outcome.faults.values())

    async def _end_programs(self, *, gently: bool) -> None:
        self._installation.tell(f"ending all programs {'gently' if gently else 'at once'}")
        programs = [program for program in self._installation.programs.values() if program.runs]
        if gently:
            await asyncio.gather(*(program.terminate() for program in programs))
        else:
            for program in programs:
                program.kill()

    # ---------------------------------------------------------------------------------------------------------- the end

    async def _settle(self) -> None:
        """Wait until everything is written, and everything written is applied."""
        done = self._done
        self._installation.tell("faults are over")
        self._say("feeding", done)
        code = await self._installation.feeder.ended(_FEEDING_SECONDS)
        if code:
            self.outcome.failures.append(f"the feeder ended with exit code {code}")
        self._installation.tell("all is written")
        self._say("applying", done)
        await wait_until_applied(self._installation.settings, _STANDSTILL_SECONDS)
        self._installation.tell("all is applied")

    async def _check(self) -> None:
        settings, done, report = self._installation.settings, self._done, Report()
        declared = self._scenario.acts[-1].declared
        self._say("recomputing", done)
        expected = await expected_of(self._scenario.feed, declared, self._expected)
        self._say("checking", done)
        async with published(settings) as topic:
            await check_topic(report, topic, expected, _PUBLISH_SECONDS)
            await check_redis(report, settings, expected, _PUBLISH_SECONDS)
            self._installation.tell("all is published")
            self.outcome.failures += self._installation.faults()
            await self._end_programs(gently=True)
            self.outcome.failures += [fault for p in self._installation.programs.values() for fault in p.faults]
            await topic.read_on()
            report.none("revisions at the end", topic.faulty_revisions().items())
        checks: tuple[Awaitable[None], ...] = (
            check_cells(report, settings, expected),
            check_letters(report, settings, expected),
            check_entities(report, settings, expected),
        )
        for check in checks:
            await check
        self.outcome.compared, self.outcome.mismatches = dict(report.compared), dict(report.mismatches)
        self.outcome.failures += report.texts
        self._installation.tell("checked")


@click.command()
@click.option("--seed", type=int, required=True)
@click.option("--events", type=int, required=True)
@click.option("--short", is_flag=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--expected", type=click.Path(path_type=Path), required=True)
def main(*, seed: int, events: int, short: bool, folder: Path, expected: Path) -> None:
    """Play the scenario of a seed in a folder."""
    played = scenario(seed, events, short=short)
    total = played.faults.total()

    def say(step: str, done: int) -> None:
        print(msgspec.json.encode({"step": step, "done": done, "of": total}).decode(), flush=True)

    run = Run(played, folder, expected, say)
    asyncio.run(run.play())
    (folder / "outcome.json").write_bytes(msgspec.json.encode(run.outcome))
    sys.exit(bool(run.outcome.failures))


if __name__ == "__main__":
    main()
