"""A real Kafka broker for tests, benchmarks and development.

`SALESPULSE_KAFKA` names one that is there already; else one is started with Java, whose jars Maven fetches once into a
cache; else, where Java or Maven is missing, the `kafka` service of docker-compose.yml.

    python -m tests.broker [--port N]
"""

import argparse
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, Self

KAFKA_VERSION = "4.3.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0

_REPOSITORY = Path(__file__).resolve().parent.parent
_CACHE = Path.home() / ".cache" / "salespulse" / f"kafka-{KAFKA_VERSION}"
_COMPOSE_ADDRESS = "127.0.0.1:29092"
_REMEDY = "install Java 17 and Maven, or start a broker yourself and `export SALESPULSE_KAFKA=host:port`"
_PR_SET_PDEATHSIG = 1

# The kernel sends the death signal when the *thread* that started the child ends: so one thread starts all of them, and
# it lives as long as this process.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker-starter")

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>salespulse</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

# What a single broker for tests needs: no replicas, few partitions of its own topics, quick groups, small buffers, and
# a short session, as one that was killed can start again only when the session of its former life is over.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={folder}/logs
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.hours=168
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""


class NoBrokerError(RuntimeError):
    """No broker can be had here, or not in this way; the text says why and what helps."""


class _Control(Protocol):
    """One way to have a broker."""

    address: str

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class Broker:
    """A broker on a loopback address that can be stopped, killed, paused and started again with its data.

    As a context manager it is started on entry and closed on exit. The methods block: call them from an async test
    through `asyncio.to_thread`.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        private: bool = False,
        properties: str = "",
        formatting: Sequence[str] = (),
    ) -> None:
        """Choose the way to have a broker; nothing is started yet.

        Args:
            port: loopback port to listen on; a free one by default.
            private: never take the one of `SALESPULSE_KAFKA`, nor that of Docker: this one will be ill-treated.
            properties: lines of server.properties that win over those of a single plain broker, for a private one;
                `{port}`, `{controller}` and `{folder}` stand for its own.
            formatting: more options of Kafka's storage tool, such as `--add-scram` with a user, for a private one.

        Raises:
            NoBrokerError: if there is no way to have a broker here.
        """
        self._control = _choose_control(port, private=private, properties=properties, formatting=formatting)

    @property
    def address(self) -> str:
        """The bootstrap server, `host:port`; the same after every start."""
        return self._control.address

    def start(self) -> Self:
        """Start the broker, with the data that it had if it ran before, and wait until it answers."""
        self._control.start()
        return self

    def stop(self) -> None:
        """End the broker in good order and keep its data."""
        self._control.stop()

    def kill(self) -> None:
        """End the broker at once, with SIGKILL, and keep its data."""
        self._control.kill()

    def pause(self) -> None:
        """Stop the broker in its tracks with SIGSTOP: connections stay, answers do not come."""
        self._control.pause()

    def resume(self) -> None:
        """Let a paused broker go on."""
        self._control.resume()

    def restart(self) -> None:
        """End the broker in good order and start it again on the same port, with its data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the broker and forget its data."""
        self._control.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def _choose_control(port: int | None, *, private: bool, properties: str, formatting: Sequence[str]) -> _Control:
    given = os.environ.get("SALESPULSE_KAFKA")
    if given and not private:
        return _Given(given)
    missing = _missing_for_java()
    if missing is None:
        return _Java(port or free_port(), properties, formatting)
    if not private and _docker_works():
        return _Compose()
    docker = "a broker to be ill-treated is not had from docker" if private else "docker compose does not work"
    raise NoBrokerError(f"no kafka broker: {missing}, and {docker}; {_REMEDY}")


class _Given:
    """A broker that somebody else runs."""

    def __init__(self, address: str) -> None:
        self.address = address

    def start(self) -> None:
        """It runs already."""

    def close(self) -> None:
        """It is not ours to end."""

    def stop(self) -> None:
        raise NoBrokerError(f"the broker at `{self.address}` is not ours to control; unset `SALESPULSE_KAFKA`")

    kill = pause = resume = stop


class _Compose:
    """The `kafka` service of docker-compose.yml; its data stay in the volume."""

    address = _COMPOSE_ADDRESS

    def start(self) -> None:
        self._run("up", "--detach", "--wait", "kafka")

    def stop(self) -> None:
        self._run("stop", "kafka")

    close = stop

    def kill(self) -> None:
        self._run("kill", "kafka")

    def pause(self) -> None:
        self._run("pause", "kafka")

    def resume(self) -> None:
        self._run("unpause", "kafka")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            ["docker", "compose", *arguments], cwd=_REPOSITORY, capture_output=True, text=True, check=False
        )
        if done.returncode:
            command = " ".join(arguments)
            raise NoBrokerError(f"`docker compose {command}` failed: {done.stderr.strip()}; {_REMEDY}")


class _Java:
    """A broker in a process of its own that dies with this one, on a folder that lives as long as this object."""

    def __init__(self, port: int, properties: str, formatting: Sequence[str]) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._more_properties, self._formatting = properties, formatting
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="salespulse-broker-"))
        self._log = self._folder / "broker.log"
        self._properties = self._folder / "server.properties"
        self._forget = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def start(self) -> None:
        if self._process is not None:
            raise NoBrokerError(f"the broker at `{self.address}` runs already; stop it first")
        jars = kafka_jars()
        if not self._properties.exists():
            self._format(jars)
        told = self._log.stat().st_size if self._log.exists() else 0
        self._process = _STARTER.submit(self._spawn, jars).result()
        try:
            self._wait(self._process, told)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()  # the data are forgotten: there is nothing to keep in good order
        self._forget()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NoBrokerError(f"the broker at `{self.address}` does not run; start it first")
        return self._process

    def _format(self, jars: Path) -> None:
        lines = _PROPERTIES + self._more_properties  # of two lines with one name Kafka takes the last
        text = lines.format(port=self._port, controller=free_port(), folder=self._folder)
        self._properties.write_text(text)
        command = [
            *_java_command(jars, "-Xmx64m", "-XX:TieredStopAtLevel=1"),
            "kafka.tools.StorageTool",
            *("format", "-t", "c2FsZXNwdWxzZS10ZXN0cw", "-c", str(self._properties)),
            *self._formatting,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self._properties.unlink()
            raise NoBrokerError(f"kafka cannot format `{self._folder}`: {done.stdout}{done.stderr}".strip())

    def _spawn(self, jars: Path) -> subprocess.Popen[bytes]:
        levels = (
            "defaultLogLevel=warn",
            "log.kafka.server.KafkaRaftServer=info",
            "showDateTime=true",
            "dateTimeFormat=HH:mm:ss.SSS",
        )
        options = (
            "-Xms256m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            *(f"-Dorg.slf4j.simpleLogger.{level}" for level in levels),
        )
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*_java_command(jars, *options), "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for us; we end it when we are done
                preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509 - the child only makes one system call
            )

    def _wait(self, process: subprocess.Popen[bytes], told: int) -> None:
        """Wait for the line that Kafka logs when it is unfenced and its listeners answer."""
        deadline = time.monotonic() + START_SECONDS
        while b"Kafka Server started" not in self._log.read_bytes()[told:]:
            if process.poll() is not None:
                raise NoBrokerError(f"kafka ended with code {process.returncode} at its start; {self._tail()}")
            if time.monotonic() > deadline:
                raise NoBrokerError(f"kafka did not start within {START_SECONDS:.0f} s; {self._tail()}")
            time.sleep(0.05)

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-30:]
        return f"the end of its log `{self._log}`:\n" + "\n".join(lines)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # a paused process hears nothing else
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on.

    It lies below the range from which outgoing connections take theirs: while a broker is away, a client that tries to
    reach it could otherwise be given the broker's own port, connect to itself and keep the port.
    """
    ports = list(range(20_000, 32_000))
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoBrokerError("no free port between 20000 and 31999; end some servers")


def dies_with(parent: int) -> Callable[[], None] | None:
    """Return what makes a child die with its parent, however that ends; Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_for_the_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it was asked for
            os._exit(1)

    return ask_for_the_signal


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def _java_command(jars: Path, *options: str) -> list[str]:
    return [_java(), *options, "-cp", f"{jars}/*"]


def _missing_for_java() -> str | None:
    """Return why Kafka cannot be run with Java here, or None when it can."""
    if shutil.which(_java()) is None:
        return "there is no `java`"
    told = subprocess.run([_java(), "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < 17:
        return f"kafka {KAFKA_VERSION} needs Java 17, and `java -version` says `{told.strip()[:80]}`"
    if not _CACHE.exists() and shutil.which("mvn") is None:
        return "there is no `mvn` to fetch kafka with"
    return None


def _docker_works() -> bool:
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "compose", "version"], ["docker", "info"])
    return not any(subprocess.run(command, capture_output=True, check=False).returncode for command in commands)


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars, fetched with Maven when they are not there.

    They are gathered aside and moved to their place in one step: whoever sees the folder sees all of it.
    """
    if _CACHE.exists():
        return _CACHE
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE.parent, prefix="fetching-") as aside:
        pom, jars = Path(aside) / "pom.xml", Path(aside) / "jars"
        pom.write_text(_POM)
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode or not any(jars.glob("kafka_*.jar")):
            told = (done.stdout + done.stderr)[-2000:].strip()
            raise NoBrokerError(f"maven cannot fetch kafka: {told}; {_REMEDY}")
        try:
            jars.rename(_CACHE)
        except OSError:
            if not _CACHE.exists():  # else another run was quicker, and has put the same there
                raise
    return _CACHE


def main() -> None:
    """Run a broker in the foreground until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.broker", description=__doc__, add_help=True)
    parser.add_argument("--port", type=int, help="loopback port to listen on; a free one by default")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    try:
        with Broker(parser.parse_args().port) as broker:
            print(f"kafka broker at {broker.address}; Ctrl-C ends it")
            print(f"export SALESPULSE_KAFKA={broker.address}", flush=True)
            ended.wait()
    except NoBrokerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
