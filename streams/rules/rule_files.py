"""The files of rules and of their tests."""

from collections.abc import Iterator

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.kpi_rules import kpi_groups
from streams.rules.kpi_tests import kpi_tests
from streams.rules.service_rules import service_groups
from streams.rules.service_tests import service_tests
from streams.rules.yaml_text import yaml_text

_FOLDER = "config/prometheus"


def rule_files(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (path, content) of each file; the same declarations and settings give the same bytes.

    Prometheus loads what is in `rules`; the tests beside them are for promtool.
    """
    yield f"{_FOLDER}/rules/kpis.yml", yaml_text({"groups": list(kpi_groups(plan, settings))})
    yield f"{_FOLDER}/rules/service.yml", yaml_text({"groups": service_groups(plan, settings)})
    yield f"{_FOLDER}/tests/kpis.yml", yaml_text(kpi_tests(plan, settings))
    yield f"{_FOLDER}/tests/service.yml", yaml_text(service_tests(plan, settings))
