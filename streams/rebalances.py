"""The end of each rebalance as Faust has it, which goes on where Faust's own would stand still for good.

Without tables of Faust's all that is left of its recovery is a task that opens the shards and lets the consumer go on,
once for each rebalance. What it waits for is cancelled when the next rebalance begins, or the coordinator is lost, at
an unlucky instant. Faust takes that for an order to end the task, without a word: no later rebalance would end, either,
and the worker would hold its partitions and never read them.
"""

import asyncio
import logging
from typing import Any

from faust.tables import TableManager
from faust.tables.recovery import Recovery
from mode import Service


class _Recovery(Recovery):
    """Ends rebalances until it is told to stop."""

    logger = logging.getLogger("faust.tables")

    @Service.task
    async def _restart_recovery(self) -> None:
        while True:
            try:
                await Recovery._restart_recovery(self)  # noqa: SLF001 (so Faust names it)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self.should_stop or (task is not None and task.cancelling()):
                    raise
                self.signal_recovery_start.set()  # the same rebalance once more, or the one that came meanwhile
            else:
                return


class Rebalances(TableManager):
    """What Faust calls its tables; there are none."""

    logger = logging.getLogger("faust.tables")
    _recovery: Any = None

    @property
    def recovery(self) -> Any:
        """Return the service that ends rebalances, the same one each time."""
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
