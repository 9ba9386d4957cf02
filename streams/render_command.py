"""`salespulse render`: write the files that are made from the declarations, or say which of them are stale."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from config.settings import Settings
from metrics.plan import Plan
from streams.commands import plan_or_exit, settings_or_exit
from streams.render_docs import kpi_reference
from streams.render_schemas import schema_files

Renderer = Callable[[Plan, Settings], Iterator[tuple[str, str]]]
"""Yields (path below the root, content) of each file."""


def _docs(plan: Plan, _: Settings) -> Iterator[tuple[str, str]]:
    yield "docs/kpis.md", kpi_reference(plan)


RENDERERS: Mapping[str, Renderer] = {"docs": _docs, "schemas": schema_files}
"""What can be rendered, by name."""


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
    docs/schemas: JSON Schemas, AsyncAPI and OpenAPI.

    \b
    Example:
      salespulse render docs --check
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    plan = plan_or_exit(settings)
    stale = False
    for kind in kinds or RENDERERS:
        for name, content in RENDERERS[kind](plan, settings):
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
    if stale:
        raise SystemExit(1)
