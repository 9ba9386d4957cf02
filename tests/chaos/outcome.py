"""What came of a run."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """What happened in a run, how much was compared, and what is wrong; nothing is when `failures` is empty."""

    seed: int
    events: int
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    mismatches: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
