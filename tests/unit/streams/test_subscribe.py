"""docs/subscribe.md: its links lead somewhere, its readings are valid, its parameters exist, its programs start."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "subscribe.md").read_text(encoding="utf-8")
PROGRAMS = sorted((DOCS / "examples").glob("subscribe_*.py"))


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((DOCS / "schemas" / f"{name}.json").read_text("utf-8")))


def test_the_files_that_are_linked_are_there() -> None:
    links = [link.removesuffix("/") for link in re.findall(r"\]\(([^)#:]+)\)", PAGE)]

    assert [link for link in links if not (DOCS / link).exists()] == []


def test_every_contract_is_in_the_index() -> None:
    named = " ".join(re.findall(r"\]\(([^)]+)\)", PAGE))

    assert [p.name for p in (DOCS / "schemas").rglob("*.json") if p.name not in named] == []


def test_the_messages_that_are_shown_are_valid() -> None:
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]

    assert [sorted(message.keys() & {"value", "alert"}) for message in shown] == [["value"], ["alert"]]
    for name, message in zip(("reading", "alert"), shown, strict=True):
        assert [error.message for error in schema(name).iter_errors(message)] == []


def test_the_requests_that_are_shown_are_described() -> None:
    paths = json.loads((DOCS / "schemas/openapi.json").read_text("utf-8"))["paths"]
    components = json.loads((DOCS / "schemas/openapi.json").read_text("utf-8"))["components"]["parameters"]
    requests = [urlsplit(url) for url in re.findall(r"curl (?:-N )?'([^']+)'", PAGE)]

    assert len(requests) == 6
    for request in requests:
        path = re.sub(r"/readings/\w+/", "/readings/{kpi}/", request.path)
        known = {components[p["$ref"].rpartition("/")[2]]["name"] for p in paths[path]["get"].get("parameters", [])}
        assert set(parse_qs(request.query, keep_blank_values=True)) <= known


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_programs_explain_themselves(program: Path) -> None:
    done = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    assert "--once" in done.stdout
    assert f"examples/{program.name}" in PAGE


def test_there_are_programs_for_each() -> None:
    assert [program.stem for program in PROGRAMS] == ["subscribe_alerts", "subscribe_kafka", "subscribe_redis"]
