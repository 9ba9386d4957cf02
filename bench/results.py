"""What a run found: as a table, as JSON, and beside the committed baseline."""

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Measured

RESULTS = Path(__file__).parent / "results"
BASELINE = Path(__file__).parent / "baseline.json"
TOLERANCE = 1.25
"""A ratio may be so many times worse than the baseline's: CPU time on a shared machine varies."""
FLOOR, IDIOMATIC = "times_floor", "idiomatic_times"
"""Multiple of the floor (less is better), and how many times idiomatic Faust's cost is ours (more is better)."""
Ratios = dict[str, dict[str, float]]
"""By workload, then by kind of ratio."""


class Run:
    """Everything measured in one run; a repeated measurement counts with its median."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        """Group what was measured by workload and program."""
        self.measured = list(measured)
        self.by: dict[str, dict[str, list[Measured]]] = {}
        for one in self.measured:
            self.by.setdefault(one.workload, {}).setdefault(one.program, []).append(one)

    def cpu_us(self, workload: str, program: str) -> float | None:
        """Return the median CPU microseconds per event, None when it was not measured."""
        found = self.by.get(workload, {}).get(program)
        return median(one.cpu_us for one in found) if found else None

    def ratios(self) -> Ratios:
        """Return, by workload, the cost as a multiple of the floor's, and by how much idiomatic Faust takes more."""
        ratios: Ratios = {}
        for workload in self.by:
            ours, floor, idiomatic = (self.cpu_us(workload, p) for p in ("salespulse", "floor", "idiomatic"))
            found = ratios[workload] = {}
            if ours and floor:
                found[FLOOR] = round(ours / floor, 3)
            if ours and idiomatic:
                found[IDIOMATIC] = round(idiomatic / ours, 2)
        return ratios

    def table(self) -> Table:
        """Return the table for people."""
        table = Table(title="CPU time per event, end to end through a real broker")
        table.add_column("workload")
        table.add_column("program")
        for heading in ("events", "CPU µs/event", "spread", "events/s", "× floor", "idiomatic ÷", "memory"):
            table.add_column(heading, justify="right")
        ratios = self.ratios()
        for workload, programs in self.by.items():
            for program, found in programs.items():
                own = ratios[workload] if program == "salespulse" else {}
                table.add_row(workload, program, *_figures(found), *_ratio_cells(own), _memory(found))
            table.add_section()
        return table

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return {
            "machine": machine(),
            "measured": [
                asdict(one) | {"cpu_us": round(one.cpu_us, 3), "events_a_second": round(one.events_a_second)}
                for one in self.measured
            ],
            "ratios": self.ratios(),
        }


def _figures(found: list[Measured]) -> tuple[str, ...]:
    costs = [one.cpu_us for one in found]
    spread = f"{min(costs):.2f} – {max(costs):.2f}" if len(costs) > 1 else ""
    speed = median(one.events_a_second for one in found)
    return f"{found[0].events:,}", f"{median(costs):.2f}", spread, f"{speed:,.0f}"


def _ratio_cells(ratios: dict[str, float]) -> tuple[str, str]:
    floor, idiomatic = ratios.get(FLOOR), ratios.get(IDIOMATIC)
    return "" if floor is None else f"{floor:.2f}", "" if idiomatic is None else f"{idiomatic:.0f}"


def _memory(found: list[Measured]) -> str:
    most = max(one.resident_bytes for one in found)
    return f"{most / 2**20:.0f} MiB" if most else ""


def result_file(name: str) -> Path:
    """Return where a run writes its figures when no other file is named."""
    return RESULTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"


def machine() -> str:
    """Return what the figures were measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"{cores} cores, {model}, Python {platform.python_version()}, Linux {platform.release()}"


def write(run: dict[str, Any], path: Path) -> None:
    """Write a JSON file, and its folder when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run, indent=2) + "\n")


# ------------------------------------------------------------------------------------------------------------- baseline


def compare(ratios: Ratios, console: Console, path: Path = BASELINE) -> bool:
    """Print each ratio beside the baseline's; return whether none is worse by more than the tolerance."""
    baseline: Ratios = json.loads(path.read_text())["ratios"]
    table = Table(title=f"Compared with {path.name}")
    for heading in ("workload", "ratio", "baseline", "now", "worse by"):
        table.add_column(heading, justify="left" if heading in {"workload", "ratio"} else "right")
    good = True
    for workload, kinds in ratios.items():
        for kind, now in kinds.items():
            before = baseline.get(workload, {}).get(kind)
            if before is None:
                table.add_row(workload, kind, "–", f"{now:.2f}", "new")
                continue
            worse = before / now if kind == IDIOMATIC else now / before
            good &= worse <= TOLERANCE
            colour = "red" if worse > TOLERANCE else "green"
            table.add_row(workload, kind, f"{before:.2f}", f"{now:.2f}", f"[{colour}]{worse - 1:+.0%}[/]")
    console.print(table)
    return good


def write_baseline(ratios: Ratios, path: Path = BASELINE) -> None:
    """Make the measured ratios the baseline; those of other workloads stay."""
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"ratios": {}}
    write({"machine": machine(), "ratios": dict(sorted((before["ratios"] | ratios).items()))}, path)
