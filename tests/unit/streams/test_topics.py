"""Which topics there must be follows the declarations."""

from pathlib import Path

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.envelope import TOPICS
from streams.topics import declared_topics, inputs_of

RETURNS = """
sources:
  - key: goods_return
    topic: goods-returns
    fields:
      returned_at: {type: timestamp, required: true}
"""


def inputs(*paths: Path) -> tuple[str, ...]:
    return inputs_of(compile_plan(load(paths), "Europe/Amsterdam", "EUR"))


def test_every_shipped_source_has_a_topic() -> None:
    assert sorted(inputs()) == sorted(TOPICS.values())


def test_an_own_source_has_a_topic_too(tmp_path: Path) -> None:
    (tmp_path / "returns.yaml").write_text(RETURNS)
    assert set(inputs(tmp_path)) - set(inputs()) == {"goods-returns"}


def test_the_topics_are_those_of_the_inputs_and_our_own() -> None:
    settings = Settings(topic_prefix="acme", app_id="pulse")
    names = [topic.name for topic in declared_topics(settings, ("deals", "goods-returns"))]
    assert names == [
        "acme.deals", "acme.goods-returns", settings.entities_topic, settings.cells_topic, settings.links_topic,
        "acme.kpis", "acme.alerts", "acme.dead-letters",
    ]  # fmt: skip


def test_the_newest_state_of_every_alert_is_kept() -> None:
    (topic,) = (t for t in declared_topics(Settings(), ()) if t.name == "sales.alerts")

    assert (topic.cleanup, topic.copartitioned) == ("compact", False)


def test_input_topics_keep_their_records_and_share_the_partition_count() -> None:
    for topic in declared_topics(Settings(partitions=6), ("deals", "goods-returns"))[:2]:
        assert (topic.cleanup, topic.partitions, topic.copartitioned) == ("delete", 6, True)
