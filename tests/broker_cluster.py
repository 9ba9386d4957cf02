"""Three real Kafka brokers for tests, as in production: each topic on all three, and two must have a record.

python -m tests.broker_cluster
"""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Self

from tests.broker import Broker, NoBrokerError, free_port

SIZE = 3

# Of the controllers two must be there, so the brokers are started together. A broker that is killed has 3 s to be
# missed, and its partitions have other leaders then; in production Kafka's default is 9 s.
_PROPERTIES = """\
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{own_controller}
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
replica.lag.time.max.ms=4000
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
controlled.shutdown.enable=true
"""


class BrokerCluster:
    """Three brokers on loopback addresses, each of which can be stopped, killed, paused and started again.

    As a context manager it is started on entry and closed on exit. The methods block: call them from an async test
    through `asyncio.to_thread`.
    """

    def __init__(self) -> None:
        """Choose addresses; nothing is started yet.

        Raises:
            NoBrokerError: if there is no way to have brokers of our own here.
        """
        controllers = [free_port() for _ in range(SIZE)]
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))
        self.brokers = [
            Broker(private=True, properties=_PROPERTIES.format(node=node, voters=voters, own_controller=port))
            for node, port in enumerate(controllers, 1)
        ]

    @property
    def address(self) -> str:
        """All bootstrap servers, `host:port,host:port,host:port`; the same after every start."""
        return ",".join(broker.address for broker in self.brokers)

    def numbered(self, node: int) -> Broker:
        """Return the broker that Kafka knows by this node id, from 1 on."""
        return self.brokers[node - 1]

    def start(self, *nodes: int) -> Self:
        """Start these brokers together, all without any, and wait until they answer."""
        chosen = [self.numbered(node) for node in nodes] or self.brokers
        with ThreadPoolExecutor(len(chosen)) as starters:
            list(starters.map(Broker.start, chosen))
        return self

    def close(self) -> None:
        """End all brokers and forget their data."""
        for broker in self.brokers:
            broker.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def main() -> None:
    """Run three brokers in the foreground until Ctrl-C or SIGTERM."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        with BrokerCluster() as cluster:
            print(f"export SALESPULSE_KAFKA={cluster.address}", flush=True)
            ended.wait()
    except NoBrokerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
