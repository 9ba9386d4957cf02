"""`python -m tests.chaos`: play the scenarios of many seeds, some at a time, and say what came of them."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.broker import dies_with
from tests.chaos.outcome import Outcome
from tests.chaos.scenario import scenario
from tests.integration.cluster import ROOT

_console = Console(width=None if sys.stdout.isatty() else 150)


class Campaign:
    """Many runs, each in a process and a folder of its own."""

    def __init__(self, events: int, folder: Path, *, short: bool) -> None:
        """Begin without runs; everything is written below `folder`."""
        self._events, self._short = events, short
        self._folder = folder
        self._expected = folder / "expected"
        self._expected.mkdir(parents=True)
        self.outcomes: list[Outcome] = []

    async def play(self, seeds: list[int], at_once: int) -> None:
        """Play all seeds, so many at a time."""
        turns = asyncio.Semaphore(at_once)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[step]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=_console, transient=True) as progress:
            await asyncio.gather(*(self._one(seed, turns, progress) for seed in seeds))
        shutil.rmtree(self._expected)

    async def _one(self, seed: int, turns: asyncio.Semaphore, progress: Progress) -> None:
        async with turns:
            of = scenario(seed, self._events, short=self._short).faults.total()
            task = progress.add_task(f"seed {seed}", total=of, step="starting")
            outcome = await self._run(seed, lambda step, done: progress.update(task, step=step, completed=done))
            progress.remove_task(task)
            self.outcomes.append(outcome)
            _console.print(self._line(outcome), highlight=False)
            if not outcome.failures:
                shutil.rmtree(self._folder_of(seed))

    def _folder_of(self, seed: int) -> Path:
        return self._folder / f"seed-{seed}"

    async def _run(self, seed: int, told: Callable[[str, int], None]) -> Outcome:
        """Play one seed in a process of its own, which dies with us, and whose temporary files go with it."""
        folder = self._folder_of(seed)
        (folder / "tmp").mkdir(parents=True)
        command = ["--seed", str(seed), "--events", str(self._events), "--folder", str(folder)]
        command += ["--expected", str(self._expected), *(["--short"] if self._short else [])]
        begun = time.monotonic()
        with (folder / "errors.log").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.run", *command),
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(folder / "tmp")},
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                preexec_fn=dies_with(os.getpid()),
            )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                said = msgspec.json.decode(line)
                told(said["step"], said["done"])
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        shutil.rmtree(folder / "tmp")
        try:
            return msgspec.json.decode((folder / "outcome.json").read_bytes(), type=Outcome)
        except FileNotFoundError:
            failure = f"the run ended with exit code {code} before it had an outcome; see errors.log"
            return Outcome(seed, self._events, time.monotonic() - begun, failures=[failure])

    def _line(self, outcome: Outcome) -> str:
        verdict = "[red]failed[/]" if outcome.failures else "[green]exact[/]"
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.faults.items()))
        line = f"seed {outcome.seed:3} {verdict} {outcome.events:,} events"
        line += f", {sum(outcome.faults.values())} faults ({kinds})"
        line += f", {sum(outcome.compared.values()):,} comparisons, {outcome.seconds:.0f} s"
        if outcome.failures:
            again = f"python -m tests.chaos --seed {outcome.seed} --events {outcome.events}"
            line += "".join(f"\n    {_plain(failure)}" for failure in outcome.failures)
            line += f"\n    logs: {self._folder_of(outcome.seed)}; again: {again}{' --short' if self._short else ''}"
        return line


def _plain(text: str) -> str:
    return text[:1500].replace("[", r"\[")


def _table(outcomes: list[Outcome]) -> Table:
    faults = sum((Counter(outcome.faults) for outcome in outcomes), Counter[str]())
    table = Table("fault", "times", "seeds", title=f"{faults.total()} faults in {len(outcomes)} seeds")
    for kind, count in sorted(faults.items()):
        table.add_row(kind, str(count), str(sum(kind in outcome.faults for outcome in outcomes)))
    return table


def _summary(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    def total(name: str) -> Counter[str]:
        return sum((Counter(getattr(outcome, name)) for outcome in outcomes), Counter[str]())

    return {
        "seeds": len(outcomes),
        "failed": sorted(outcome.seed for outcome in outcomes if outcome.failures),
        "events": sum(outcome.events for outcome in outcomes),
        "seconds": round(seconds),
        "faults": total("faults"),
        "compared": total("compared"),
        "mismatches": total("mismatches"),
        "outcomes": sorted(outcomes, key=lambda outcome: outcome.seed),
    }


@click.command()
@click.option("--seed", "seeds", multiple=True, type=int, help="Play this seed; repeatable. By default 1 to --seeds.")
@click.option("--seeds", "count", default=30, show_default=True, type=click.IntRange(min=1), help="How many seeds.")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(min=1), help="Events a seed.")
@click.option("--at-once", default=2, show_default=True, type=click.IntRange(min=1), help="Seeds at a time.")
@click.option("--short", is_flag=True, help="Few and short faults, as the tests have them.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where logs go (default: a temporary folder).")
def main(  # noqa: PLR0913 (one for each option)
    *,
    seeds: tuple[int, ...],
    count: int,
    events: int,
    at_once: int,
    short: bool,
    json_file: Path | None,
    folder: Path | None,
) -> None:
    """Kill, stop and start workers, views, broker and Redis at random; every number must be exact in the end.

    The folder of a seed that failed is kept. The exit code is 1 when any did.

    \b
    Example:
      python -m tests.chaos --seeds 30 --at-once 2
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that folders are cleaned up
    where = folder or Path(tempfile.mkdtemp(prefix="salespulse-chaos-"))
    campaign = Campaign(events, where, short=short)
    begun = time.monotonic()
    try:
        asyncio.run(campaign.play(list(seeds) or list(range(1, count + 1)), at_once))
    except BaseException:  # told to end: brokers that die with us leave gigabytes
        shutil.rmtree(where, ignore_errors=True)
        raise
    _console.print(_table(campaign.outcomes))
    summary = _summary(campaign.outcomes, time.monotonic() - begun)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2))
    failed = summary["failed"]
    if not failed:
        shutil.rmtree(where)
    _console.print(f"{len(campaign.outcomes)} seeds in {summary['seconds']} s; failed: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
