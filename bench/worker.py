"""The product's worker with the declarations of a workload: ``python -m bench.worker WORKLOAD [PROFILE]``.

With a file for a profile, the signal `PROFILE_SIGNAL` begins to profile, and the same signal again ends it and writes
the file: start-up is left out of it.
"""

import cProfile
import signal
import sys
from pathlib import Path
from types import FrameType

from bench.workloads import WORKLOADS
from config.settings import load_settings
from metrics.plan import compile_plan
from streams.worker import run_worker

PROFILE_SIGNAL = signal.SIGRTMIN


class _Profile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._profile: cProfile.Profile | None = None

    def toggle(self, _number: int, _frame: FrameType | None) -> None:
        if self._profile is None:
            self._profile = cProfile.Profile()
            self._profile.enable()
        else:
            self._profile.disable()
            self._profile.dump_stats(self._path)


def main() -> int:
    """Run until told to stop; return the exit code."""
    name, *profile = sys.argv[1:]
    if profile:
        signal.signal(PROFILE_SIGNAL, _Profile(Path(profile[0])).toggle)
    settings = load_settings()
    plan = compile_plan(WORKLOADS[name].load(), settings.timezone, settings.currency)
    return run_worker(settings, plan)


if __name__ == "__main__":
    raise SystemExit(main())
