"""`salespulse render`: write the files that are made from the declarations, or say which of them are stale."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from config.settings import Settings
from metrics.plan import Plan
from streams.commands import plan_or_exit, settings_or_exit
from streams.render_dashboards import dashboard_files
from streams.render_docs import kpi_reference
from streams.render_schemas import schema_files
from streams.rules.rule_files import rule_files
from streams.runbooks.files import runbook_files

Renderer = Callable[[Plan, Settings], Iterator[tuple[str, str]]]
"""Yields (path below the root, content) of each file."""


def _docs(plan: Plan, _: Settings) -> Iterator[tuple[str, str]]:
    yield "docs/kpis.md", kpi_reference(plan)


def _rules(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    yield from rule_files(plan, settings)
    yield from runbook_files(plan, settings)


RENDERERS: Mapping[str, Renderer] = {
    "docs": _docs,
    "schemas": schema_files,
    "grafana": dashboard_files,
    "rules": _rules,
}
"""What can be rendered, by name."""
_VARYING: Mapping[str, str] = {"grafana": "grafana/dashboards/*/*.json", "rules": "docs/runbooks/*.md"}
"""Where there is a file for each of something, which may not be declared any more."""


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(list(RENDERERS)), metavar=f"[{'|'.join(RENDERERS)}]...")
@click.option("--check", is_flag=True, help="Write nothing; end with exit code 1 if a file is stale.")
@click.option(
    "--root", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", metavar="FOLDER",
    help="Where the files are; the working directory by default.",
)  # fmt: skip
def render(kinds: tuple[str, ...], check: bool, root: Path) -> None:  # noqa: FBT001 - a flag
    """Write the files that are made from the declarations; all of them if none is named.

    `docs` is the reference of the KPIs, docs/kpis.md. `schemas` are the contracts with other services below
    docs/schemas: JSON Schemas, AsyncAPI and OpenAPI. `grafana` are the dashboards below grafana/dashboards. `rules` are
    the recording and alert rules below config/prometheus, their tests, and the runbooks below docs/runbooks.

    \b
    Example:
      salespulse render docs --check
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    plan = plan_or_exit(settings)
    stale = [_render(kind, dict(RENDERERS[kind](plan, settings)), root, check=check) for kind in kinds or RENDERERS]
    if any(stale):
        raise SystemExit(1)


def _render(kind: str, files: Mapping[str, str], root: Path, *, check: bool) -> bool:
    """Write `files`, and remove what was made before and is not any more; or say what is stale, and return whether."""
    stale = False
    for name, content in files.items():
        path = root / name
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            click.echo(f"{name} is up to date")
        elif check:
            stale = True
            click.echo(f"{name} is stale; run `salespulse render {kind}`", err=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            click.echo(f"{name} is written")
    for left in _left_over(kind, files, root):
        if check:
            stale = True
            click.echo(f"{left} is not made any more; run `salespulse render {kind}`", err=True)
        else:
            (root / left).unlink()
            click.echo(f"{left} is removed")
    return stale


def _left_over(kind: str, files: Mapping[str, str], root: Path) -> Iterator[str]:
    """Yield the files that say that they were made, and are none of `files`."""
    for path in sorted(root.glob(_VARYING[kind])) if kind in _VARYING else ():
        name = path.relative_to(root).as_posix()
        if name not in files and f"Made by `salespulse render {kind}`" in path.read_text(encoding="utf-8"):
            yield name
