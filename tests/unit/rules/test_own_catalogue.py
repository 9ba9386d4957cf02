"""Rules of a catalogue of one's own: they do what is declared, and a rule that does not is found out by its test."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.settings import Settings
from tests.unit.rules.promtool import HERE, accepts, own_plan, promtool, write_rules

Mistake = dict[str, str]
MISTAKES: dict[str, list[Mistake]] = YAML(typ="safe").load(HERE / "mistakes.yaml")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_rules(own_plan(), tmp_path_factory.mktemp("own"))
    shutil.copy(HERE / "own_rules_test.yml", folder / "rules")
    return folder


def test_prometheus_accepts_the_rules(own: Path) -> None:
    accepts("check", "rules", "--lint=all", "--lint-fatal", "rules/kpis.yml", "rules/service.yml", cwd=own)


def test_the_rules_do_what_their_tests_say(own: Path) -> None:
    accepts("test", "rules", "tests/kpis.yml", "tests/service.yml", cwd=own)


def test_the_rules_do_what_people_expect(own: Path) -> None:
    accepts("test", "rules", "rules/own_rules_test.yml", cwd=own)


def test_all_in_other_settings(tmp_path: Path) -> None:
    settings = Settings(
        topic_prefix="shop", tick_interval=0.2, public_url="https://kpis.example.com/{{a}}", grafana_url="http://g/x"
    )
    folder = write_rules(own_plan(), tmp_path, settings)

    accepts("test", "rules", "tests/kpis.yml", "tests/service.yml", cwd=folder)
    text = (folder / "rules" / "service.yml").read_text("utf-8")
    assert 'topic="shop.sales"' in text
    assert "> 0.2\n" in text


@pytest.mark.parametrize(
    ("name", "mistake"),
    [pytest.param(name, mistake, id=mistake["is"]) for name, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_rule_that_is_wrong_is_found_out(own: Path, tmp_path: Path, name: str, mistake: Mistake) -> None:
    tests = YAML(typ="safe").load(own / "tests" / f"{name}.yml")
    tests["tests"] = [test for test in tests["tests"] if mistake.get("scene", "") in test["name"]]
    right = (own / "rules" / f"{name}.yml").read_text("utf-8")
    old, new = (mistake[text].replace("\n", f"\n{' ' * 10}") for text in ("old", "new"))
    assert old in right
    for folder, text in {"tests": json.dumps(tests), "rules": right.replace(old, new)}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yml").write_text(text, "utf-8")

    accepts("check", "rules", f"rules/{name}.yml", cwd=tmp_path)
    assert promtool("test", "rules", f"tests/{name}.yml", cwd=tmp_path).returncode != 0
