"""What came of a worker under a flood of spoilt records."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_FEW_SAMPLES = 30
"""With fewer seconds than this the worker has only just begun."""
_GROWTH_MEBIBYTES = 16


@dataclass(frozen=True)
class Sample:
    """What was seen in one second."""

    at_seconds: float
    resident_bytes: int
    events: int


@dataclass
class Outcome:
    """What came of it; `faults` names all that is not as it must be."""

    records: int = 0
    seconds: float = 0.0
    produced_seconds: float = 0.0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    letters: int = 0
    largest_letter: int = 0
    entities: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def check(self, holds: bool, fault: str) -> None:  # noqa: FBT001 - reads like an assertion
        """Take down a fault unless something holds."""
        if not holds:
            self.faults.append(fault)

    def memory(self) -> Mapping[str, float]:
        """Return the mean resident memory in MiB of each third of the time in which records were read."""
        busy = [s for s in self.samples if s.events < self.samples[-1].events] or self.samples
        third = max(1, len(busy) // 3)
        parts = {"first third": busy[:third], "second third": busy[third : 2 * third], "last third": busy[2 * third :]}
        return {name: sum(s.resident_bytes for s in part) / len(part) / 2**20 for name, part in parts.items() if part}

    def check_memory(self) -> None:
        """Take down a fault where memory went on growing: the entities are all there after the first third."""
        if len(self.samples) < _FEW_SAMPLES:
            return
        means = self.memory()
        growth = means["last third"] - means["second third"]
        self.check(growth <= _GROWTH_MEBIBYTES, f"memory grew by {growth:.0f} MiB from the second third to the last")
