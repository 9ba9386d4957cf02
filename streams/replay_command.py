"""`salespulse replay`: write the events of files to Kafka."""

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config.settings import Settings, SettingsError, load_settings
from streams.envelope import Event, format_instant, parse_instant
from streams.event_writer import EventWriter, WriteError
from streams.replay import JSON_LINES, ReplayError, find_shift, read_events
from streams.replay_mapping import MappingError, RowMapping, load_mapping

Speed = float | Literal["max"]
_LONGEST_WAIT_SECONDS = 3600.0
_SHOW_EVERY = 100


class _SpeedType(click.ParamType):
    """`max`, or how many times faster than real time."""

    name = "X|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Speed:
        if value == "max":
            return "max"
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"`{value}` is not a speed; write `max`, or a number above 0 such as 60", param, ctx)
        return speed


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE..."
)
@click.option(
    "--source", metavar="NAME", help="Topic of all events, such as `deals`; by default that of each event's type."
)
@click.option(
    "--mapping",
    "mapping_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="M.yaml",
    help="How the rows of CSV files become events.",
)
@click.option(
    "--speed", type=_SpeedType(), default="max", show_default=True, help="Times faster than `updated_at` went by."
)
@click.option("--shift-to", type=click.Choice(["now"]), help="Move all dates so that the last thing happened today.")
def replay(
    files: tuple[Path, ...], source: str | None, mapping_path: Path | None, speed: Speed, shift_to: str | None
) -> None:
    """Write the events of CSV and JSONL files to Kafka.

    Repeating a replay changes nothing: the same events have the same ids and versions.

    \b
    Example:
      salespulse replay sample/ms_regional_sales/opportunities.csv \\
        --mapping sample/ms_regional_sales/mapping.yaml --shift-to now
    """  # noqa: D301 - \b is click's
    console = Console(stderr=True)
    try:
        settings = load_settings()
        mapping = _mapping(files, mapping_path)
        days = _shift_days(files, mapping, settings, console) if shift_to else 0
        done = asyncio.run(_Replay(settings, files, mapping, days, speed, source, console).run())
    except SettingsError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    except (MappingError, ReplayError, WriteError) as error:
        raise click.ClickException(str(error)) from None
    if not done:
        raise SystemExit(1)


def _mapping(files: Sequence[Path], path: Path | None) -> RowMapping | None:
    if path is None:
        return None
    if all(file.suffix.lower() in JSON_LINES for file in files):
        raise click.UsageError(
            "--mapping is for CSV files; the events of JSONL files are taken as they are, leave it out"
        )
    return load_mapping(path)


def _shift_days(files: Sequence[Path], mapping: RowMapping | None, settings: Settings, console: Console) -> int:
    zone = ZoneInfo(settings.timezone)
    with console.status("reading the dates"):
        days = find_shift(files, mapping, datetime.now(zone).date(), zone)
    console.print(f"moving all dates by {days:+,} days")
    return days


class _Replay:
    """One run of the command."""

    def __init__(  # noqa: PLR0913, PLR0917 - the options of the command
        self, settings: Settings, files: Sequence[Path], mapping: RowMapping | None, days: int, speed: Speed,
        source: str | None, console: Console,
    ) -> None:  # fmt: skip
        self._settings, self._files, self._mapping, self._days = settings, files, mapping, days
        self._speed, self._source, self._console = speed, source, console
        self._stopped = asyncio.Event()
        self._begun = time.monotonic()

    async def run(self) -> bool:
        """Replay everything; return whether it came to the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        writer = EventWriter(self._settings, self._source)
        try:
            async with writer:
                with self._progress() as bar:
                    await self._write_all(writer, bar)
                await writer.flush()
        except (ReplayError, WriteError) as error:
            raise type(error)(f"{error} ({writer.acknowledged:,} events were written)") from None
        seconds = time.monotonic() - self._begun
        verb = "stopped:" if self._stopped.is_set() else "done:"
        rate = writer.acknowledged / max(seconds, 0.001)
        self._console.print(f"{verb} {writer.acknowledged:,} events written in {seconds:.1f} s ({rate:,.0f}/s)")
        return not self._stopped.is_set()

    def _stop(self, number: signal.Signals) -> None:
        self._stopped.set()
        asyncio.get_running_loop().remove_signal_handler(number)  # the second one ends the process at once

    async def _write_all(self, writer: EventWriter, bar: Progress) -> None:
        task = bar.add_task("replay", total=sum(path.stat().st_size for path in self._files), events=0)
        read = 0

        def count(size: int) -> None:
            nonlocal read
            read += size

        events = read_events(self._files, self._mapping, self._days, progress=count)
        if self._speed == "max":
            number = 0
            for number, event in enumerate(events, 1):
                if self._stopped.is_set():
                    return
                await writer.write(not_ahead(event, _now_ms()))
                if number % _SHOW_EVERY == 0:
                    bar.update(task, completed=read, events=number)
            bar.update(task, completed=read, events=number)
        else:
            await self._write_paced(writer, in_time(events), bar, task)

    async def _write_paced(self, writer: EventWriter, events: list[Event], bar: Progress, task: TaskID) -> None:
        assert self._speed != "max"  # noqa: S101 - for the type checker
        bar.reset(task, total=len(events), events=0)
        first = parse_instant(events[0]["updated_at"]) if events else 0
        begun = time.monotonic()
        for number, event in enumerate(events, 1):
            due = begun + (parse_instant(event["updated_at"]) - first) / 1000 / self._speed
            if await self._stopped_before(due):
                return
            await writer.write(not_ahead(event, _now_ms()))
            bar.update(task, completed=number, events=number)

    async def _stopped_before(self, due: float) -> bool:
        """Wait until the monotonic instant `due`; return whether the replay was stopped meanwhile."""
        while not self._stopped.is_set() and (wait := due - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._stopped.wait(), min(wait, _LONGEST_WAIT_SECONDS))
            except TimeoutError:
                continue
        return self._stopped.is_set()

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.fields[events]:,} events"), _Rate(), TimeRemainingColumn(),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip


class _Rate(TextColumn):
    """Events a second since the start of the bar."""

    def __init__(self) -> None:
        super().__init__("{task.fields[events]}")

    def render(self, task: Any) -> Any:
        self.text_format = f"{task.fields['events'] / task.elapsed:,.0f}/s" if task.elapsed else "-/s"
        return super().render(task)


def in_time(events: Iterator[Event]) -> list[Event]:
    """Return all events in the order of `updated_at`; those of the same instant keep theirs."""
    return sorted(events, key=lambda event: parse_instant(event["updated_at"]))


def not_ahead(event: Event, now_ms: int) -> Event:
    """Return `event` with an `updated_at` that is not in the future, where the worker would refuse it.

    A file that was moved to today may hold hours of today that are still to come. Its business times stay: they take
    effect when their time comes. The version keeps the order that `updated_at` would have given.
    """
    at = parse_instant(event["updated_at"])
    if at <= now_ms:
        return event
    return event | {"version": event.get("version", at * 1000), "updated_at": format_instant(now_ms)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
