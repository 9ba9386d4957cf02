"""`python -m bench`: measure end to end; `core` alone, `groups` what each adds, `latency` from event to reader."""

import pstats
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from bench import results
from bench.children import ChildError
from bench.clients import measure_clients
from bench.clients import table_of as clients_table
from bench.core import measure_core
from bench.groups import measure_groups
from bench.latency import measure_latency, table_of
from bench.long_runs import day, flat, restart
from bench.measure import Measured, WrongResultError, measure
from bench.results import RESULTS, result_file
from bench.workloads import WORKLOADS
from tests.broker import Broker, NoBrokerError

_TOP = 25
_console = Console(width=None if sys.stdout.isatty() else 140)


@click.group(invoke_without_command=True)
@click.option("--only", multiple=True, type=click.Choice(list(WORKLOADS)), help="Measure this workload; repeatable.")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(min=1), help="Events a workload.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Times; the median counts.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
@click.option("--alone", is_flag=True, help="Measure the worker only, without the floor and idiomatic Faust.")
@click.option("--profile", is_flag=True, help="Profile the worker; its CPU time is then no measure. Implies --alone.")
@click.option("--compare", is_flag=True, help="Exit with 1 when a ratio is worse than the baseline's by over 25 %.")
@click.option("--write-baseline", is_flag=True, help="Make the ratios the new baseline.")
@click.pass_context
def bench(  # noqa: PLR0913 (one for each option)
    context: click.Context,
    *,
    only: tuple[str, ...],
    events: int,
    repeat: int,
    json_file: Path | None,
    alone: bool,
    profile: bool,
    compare: bool,
    write_baseline: bool,
) -> None:
    """Measure the CPU time per event of the worker, end to end through a real Kafka broker of its own.

    Beside it, on the same topics and in the same run: a plain consumer that keeps nothing (the floor), and W1 written
    as Faust's manual shows it. Every result is checked against a plain loop over the same events.

    \b
    Examples:
      python -m bench
      python -m bench --only w1 --events 200000 --repeat 3
      python -m bench --only catalogue --profile
      python -m bench core
      python -m bench groups
    """  # noqa: D301 - \b is click's
    if context.invoked_subcommand is not None:
        return
    try:
        run = _measure_all(only or tuple(WORKLOADS), events, repeat, alone=alone or profile, profile=profile)
    except (NoBrokerError, ChildError, WrongResultError, TimeoutError) as error:
        raise click.ClickException(str(error)) from error
    _console.print(run.table())
    _console.print(results.machine())
    if not profile:
        _keep(run.as_json(), run.ratios(), json_file or result_file("run"), compare=compare, baseline=write_baseline)


def _measure_all(names: tuple[str, ...], events: int, repeat: int, *, alone: bool, profile: bool) -> results.Run:
    measured: list[Measured] = []
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="salespulse-bench-") as logs:
        for number in range(repeat):
            for name in names:
                _console.print(f"{name}, {events:,} events ({number + 1} of {repeat}) …", style="dim")
                statistics = RESULTS / f"{name}.profile" if profile else None
                # A fresh broker: no topic of an earlier measurement costs it anything.
                with Broker(private=True) as broker:
                    measured += measure(
                        broker.address, WORKLOADS[name], events, Path(logs), profile=statistics, compare=not alone
                    )
                if statistics:
                    _print_profile(statistics)
    return results.Run(measured)


def _print_profile(path: Path) -> None:
    statistics = pstats.Stats(str(path))
    statistics.sort_stats("tottime").print_stats(_TOP)
    _console.print(f"profile in {path}; look at it with `python -m pstats {path}`")


def _keep(result: dict[str, object], ratios: results.Ratios, path: Path, *, compare: bool, baseline: bool) -> None:
    results.write(result, path)
    _console.print(f"written to {path}")
    good = not compare or results.compare(ratios, _console)  # before it is replaced
    if baseline:
        results.write_baseline(ratios)
        _console.print(f"baseline written to {results.BASELINE}")
    if not good:
        raise SystemExit(1)


@bench.command()
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(min=1), help="Events of the mix.")
@click.option("--entities", default=200_000, show_default=True, type=click.IntRange(min=1), help="Deals kept.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
@click.option("--profile", is_flag=True, help="Profile applying and sealing instead; print the most expensive.")
@click.option("--compare", is_flag=True, help="Exit with 1 when the ratio is worse than the baseline's by over 25 %.")
@click.option("--write-baseline", is_flag=True, help="Make the ratio the new baseline.")
def core(
    *, events: int, entities: int, json_file: Path | None, profile: bool, compare: bool, write_baseline: bool
) -> None:
    """Measure the pure core without Kafka, with the shipped catalogue.

    \b
    Example:
      python -m bench core --events 100000
    """  # noqa: D301 - \b is click's
    statistics = RESULTS / "core.profile" if profile else None
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = measure_core(events, entities, statistics)
    if statistics:
        _print_profile(statistics)
        return
    _console.print(found.table())
    _console.print(results.machine())
    result: dict[str, object] = {"machine": results.machine(), "core": found.as_json(), "ratios": found.ratios()}
    _keep(result, found.ratios(), json_file or result_file("core"), compare=compare, baseline=write_baseline)


@bench.command()
@click.option("--events", default=100_000, show_default=True, type=click.IntRange(min=1), help="Events of the mix.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def groups(*, events: int, json_file: Path | None) -> None:
    """Measure what each group of KPIs adds to the cost of an event in the core.

    \b
    Example:
      python -m bench groups
    """  # noqa: D301 - \b is click's
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = measure_groups(events)
    _console.print(found.table())
    _console.print(results.machine())
    results.write({"machine": results.machine(), "groups": found.as_json()}, json_file or result_file("groups"))


@bench.command()
@click.option("--rate", "rates", multiple=True, default=(1_000, 10_000), show_default=True, type=click.IntRange(min=10))
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(min=20), help="How long at each rate.")
@click.option("--tick", default=1.0, show_default=True, type=click.FloatRange(0.2, 10), help="Seconds between ticks.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def latency(*, rates: tuple[int, ...], seconds: int, tick: float, json_file: Path | None) -> None:
    """Measure how long an event takes to /metrics, the topic, Redis and a stream, under a steady load.

    \b
    Example:
      python -m bench latency --rate 1000 --seconds 60
    """  # noqa: D301 - \b is click's
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="salespulse-bench-") as logs:
        for rate in rates:
            _console.print(f"{rate:,} events a second, {seconds} s …", style="dim")
            with Broker(private=True) as broker:
                found.append(measure_latency(broker.address, rate, seconds, Path(logs), tick))
    _console.print(table_of(found))
    _console.print(results.machine())
    result = {"machine": results.machine(), "latency": [asdict(one) for one in found]}
    results.write(result, json_file or result_file("latency"))


@bench.command()
@click.option("--clients", "count", default=200, show_default=True, type=click.IntRange(min=1))
@click.option("--rate", default=500, show_default=True, type=click.IntRange(min=10), help="Events a second.")
@click.option("--seconds", default=300, show_default=True, type=click.IntRange(min=20))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Result file (default: in bench/results).")
def clients(*, count: int, rate: int, seconds: int, json_file: Path | None) -> None:
    """Measure a view with many clients of the stream, under a steady load: memory, and whether ticks are on time.

    \b
    Example:
      python -m bench clients --clients 200 --seconds 300
    """  # noqa: D301 - \b is click's
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="salespulse-bench-") as logs, Broker(private=True) as broker:
        seen = measure_clients(broker.address, count, rate, seconds, Path(logs))
    _console.print(clients_table(seen))
    _console.print(results.machine())
    result = {"machine": results.machine(), "clients": asdict(seen)}
    results.write(result, json_file or result_file("clients"))


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)


for command in (day, flat, restart):
    bench.add_command(command)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # so that the children are ended, too
    bench()
