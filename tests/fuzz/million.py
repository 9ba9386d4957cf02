"""A million spoilt and good records through a real worker on a real broker: `python -m tests.fuzz.million`."""

import asyncio
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.broker import Broker
from tests.fuzz.attack import attack
from tests.fuzz.outcome import Outcome
from tests.integration.conftest import settings_for


@click.command()
@click.option("--records", default=1_000_000, show_default=True, help="How many records.")
@click.option("--seed", default=1, show_default=True, help="The same one gives the same records.")
def main(records: int, seed: int) -> None:
    """Write records of which half are spoilt, and compare what the worker makes of them with a recomputation."""
    console = Console()
    broker = Broker()
    broker.start()
    settings = settings_for(broker.address)
    try:
        with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
            writing = progress.add_task("records", total=records)
            run = attack(settings, records, seed, Path(folder), lambda n: progress.advance(writing, n))
            outcome = asyncio.run(run)
    finally:
        broker.close()
    _show(console, outcome)
    sys.exit(bool(outcome.faults))


def _show(console: Console, outcome: Outcome) -> None:
    table = Table("what", "how much")
    for name, n in sorted(outcome.outcomes.items()):
        table.add_row(name, f"{n:,}")
    table.add_row("letters", f"{outcome.letters:,}")
    table.add_row("kinds of reasons", f"{len(outcome.reasons):,}")
    table.add_row("largest letter", f"{outcome.largest_letter:,} bytes")
    table.add_row("entities", f"{outcome.entities:,}")
    table.add_row("records a second", f"{outcome.records / outcome.seconds:,.0f}")
    table.add_row("of that read after the last was written", f"{outcome.seconds - outcome.produced_seconds:.1f} s")
    for name, mebibytes in outcome.memory().items():
        table.add_row(f"resident memory, {name}", f"{mebibytes:.0f} MiB")
    console.print(table)
    for reason, n in outcome.reasons.most_common(12):
        console.print(f"{n:>8,}  {reason}", markup=False, highlight=False)
    for fault in outcome.faults[:20]:
        console.print(f"fault: {fault}", style="red", markup=False)


if __name__ == "__main__":
    main()
