"""What chaos takes for explained in a log: time-outs and ended connections as causes only, and no bug anywhere."""

from pathlib import Path

import pytest

from tests.chaos.logs import unexplained

HEAD = 'Traceback (most recent call last):\n  File "x.py", line 1, in x\n'
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
BATCH = "aiokafka.producer.message_accumulator.MessageBatch object at 0x7f4611c55210"
KAFKA = f"{HEAD}aiokafka.errors.KafkaTimeoutError: no answer\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KAFKA, []),
        (f"{HEAD}TimeoutError\n{CAUSE}{KAFKA}", []),
        (f"{KAFKA}{CAUSE}{HEAD}streams.kafka.TransactionLostError: not in transaction\n", []),
        (f"{HEAD}KeyError: <{BATCH}>\n", []),
        (f"{HEAD}TimeoutError\n", ["TimeoutError"]),
        (
            f"{HEAD}TimeoutError\n\nDuring handling of the above exception, another exception occurred:\n\n{KAFKA}",
            ["TimeoutError"],
        ),
        (f"{HEAD}KeyError: 1\n{CAUSE}{KAFKA}", ["KeyError: 1"]),
        (f"{HEAD}2026-11-30T05:03:24Z [info] another thread\n    more()\nKeyError: 1\n", ["KeyError: 1"]),
    ],
    ids=["kafka", "a cause", "a lost transaction", "a lost batch", "alone", "met on the way", "a bug", "thread"],
)
def test_what_no_fault_explains_is_told(tmp_path: Path, text: str, told: list[str]) -> None:
    log = tmp_path / "worker-1.log"
    log.write_text(text)
    assert list(unexplained(log)) == [f"worker-1.log: traceback of `{line}`, 1 times" for line in told]
