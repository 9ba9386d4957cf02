"""The commands that run for long: a simulated day, a day's number of events, and the start with many entities."""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from bench import results
from bench.children import ChildError
from bench.day import PROPERTIES, measure_day
from bench.day_form import Form, begin_before_now
from bench.flat import measure_flat
from bench.restart import EVERY, ONCE, measure_restart
from bench.results import result_file
from config.settings import Settings
from tests.broker import Broker, NoBrokerError

_console = Console(width=None if sys.stdout.isatty() else 140)


@click.command()
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(0.01, 240), help="Simulated hours.")
@click.option(
    "--rate", default=1_000.0, show_default=True, type=click.FloatRange(0.1), help="Events a simulated second."
)
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(1), help="Simulated seconds a real one.")
@click.option("--burst", default=10.0, show_default=True, type=click.FloatRange(1), help="Times the rate.")
@click.option("--burst-minutes", default=1.0, show_default=True, type=click.FloatRange(0), help="Simulated minutes.")
@click.option(
    "--entities", default=100_000, show_default=True, type=click.IntRange(1_000), help="Places of the company."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def day(  # noqa: PLR0913 (one for each option)
    *,
    hours: float,
    rate: float,
    speed: float,
    burst: float,
    burst_minutes: float,
    entities: int,
    json_file: Path | None,
) -> None:
    """Run a simulated day with a burst and a midnight: is memory flat, does lag recover, are evaluations on time?

    The company has so many places for deals, leads, activities and the rest; what is new takes the place of what is
    oldest. Exits with 1 when a bound is broken. A picture is written beside the result file.

    \b
    Examples:
      python -m bench day --hours 0.1 --entities 20000
      python -m bench day --rate 100 --speed 60
    """  # noqa: D301 - \b is click's
    path = json_file or result_file("day")
    with tempfile.TemporaryDirectory(prefix="salespulse-bench-") as folder:
        begins = begin_before_now(hours, Settings().timezone)
        begun = str(Path(folder) / "begun")
        form = Form(hours, rate, speed, burst, burst_minutes, entities, begins, begun)
        try:
            with Broker(private=True, properties=PROPERTIES) as broker:
                found = measure_day(broker.address, form, Path(folder), lambda text: _console.print(text, style="dim"))
        except (NoBrokerError, ChildError, TimeoutError) as error:
            raise click.ClickException(str(error)) from error
    _console.print(found.table())
    for line in found.lines():
        _console.print(line)
    _console.print(results.machine())
    results.write({"machine": results.machine(), "day": found.as_json()}, path)
    path.with_suffix(".svg").write_text(found.as_svg())
    _console.print(f"written to {path}, and a picture beside it")
    if not found.good:
        raise SystemExit(1)


@click.command()
@click.option("--entities", default=1_000_000, show_default=True, type=click.IntRange(10_000), help="Places to fill.")
@click.option("--every", is_flag=True, help="Write every event that led there, some four an entity, not only the last.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def restart(*, entities: int, every: bool, json_file: Path | None) -> None:
    """Measure how soon a worker and a view that start with many entities are ready, and the memory of an entity.

    \b
    Examples:
      python -m bench restart
      python -m bench restart --entities 200000 --every
    """  # noqa: D301 - \b is click's
    workload = EVERY if every else ONCE
    with tempfile.TemporaryDirectory(prefix="salespulse-bench-") as logs:
        try:
            with Broker(private=True) as broker:
                found = measure_restart(
                    broker.address, workload, entities, Path(logs), lambda text: _console.print(text, style="dim")
                )
        except (NoBrokerError, ChildError, TimeoutError) as error:
            raise click.ClickException(str(error)) from error
    _console.print(found.table())
    _console.print(results.machine())
    results.write({"machine": results.machine(), "restart": found.as_json()}, json_file or result_file("restart"))
    if not found.good:
        raise SystemExit(1)


@click.command()
@click.option("--events", default=86_400_000, show_default=True, type=click.IntRange(10_000), help="How many.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def flat(*, events: int, json_file: Path | None) -> None:
    """Apply a day's worth of events to the core alone, with few declarations: does memory stay flat over so many?

    \b
    Example:
      python -m bench flat --events 1000000
    """  # noqa: D301 - \b is click's
    found = measure_flat(events, lambda text: _console.print(text, style="dim"))
    _console.print(found.table())
    _console.print(results.machine())
    results.write({"machine": results.machine(), "flat": found.as_json()}, json_file or result_file("flat"))
    if not found.good:
        raise SystemExit(1)
