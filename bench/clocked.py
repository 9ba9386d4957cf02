"""A command of the product with the clock of a simulated day: ``python -m bench.clocked FORM COMMAND``.

Only T is simulated, the instant as of which readings and timers are. Flushes, ticks, signs of life and time-outs keep
to the real time, as they are a matter of the machine.
"""

import sys

import msgspec

from bench.day_form import DayClock, Form
from streams import clock
from streams.cli import main

if __name__ == "__main__":
    day_clock = DayClock(msgspec.json.decode(sys.argv.pop(1), type=Form))
    # Before a command is imported that takes it from there.
    clock.clock_from = lambda _settings: day_clock  # type: ignore[assignment]
    main(prog_name="salespulse")
