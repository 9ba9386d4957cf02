"""`python -m grafana.render.screenshots`: draw the dashboards on live data, into docs/images/dashboards."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from config.settings import Settings
from grafana.render.browser import Note, Painter, Sitting, painting
from grafana.render.history import metrics_named
from grafana.render.monitor import CONFIG
from grafana.render.shrink import shrunk
from grafana.render.stage import Stage, staged
from streams.envelope import format_instant

ROOT = Path(__file__).parents[2]
DASHBOARDS, PICTURES = ROOT / "grafana" / "dashboards", ROOT / "docs" / "images" / "dashboards"
_WALL = "sales-overview"
_SERVICE = "Salespulse"
"""The folder of the dashboards about the service itself, which has no past before it was started."""
_AT_ONCE = 2
_console = Console()


class _Shot(NamedTuple):
    """A picture to be made."""

    name: str
    dashboard: dict[str, Any]
    sitting: Sitting


@click.command()
@click.argument("uids", nargs=-1)
@click.option("--prometheus", metavar="URL", help="Draw what this Prometheus knows, and start nothing.")
@click.option("--into", default=PICTURES, type=click.Path(path_type=Path), help="Where the pictures go.")
@click.option("--hints", is_flag=True, help="Also tell of texts that are cut off and queries without an answer.")
def screenshots(*, uids: tuple[str, ...], prometheus: str | None, into: Path, hints: bool) -> None:
    """Draw the dashboards with these UIDs, or all, as pictures on live data.

    A broker, two workers, a view and a Prometheus are started for it, with eight days of a simulated organisation.
    Exits with 1 when a panel has an error or no data.
    """
    into.mkdir(parents=True, exist_ok=True)
    faults = asyncio.run(_draw_all(uids, prometheus, into, hints=hints))
    if faults:
        raise click.ClickException(f"{faults} faults")


async def _draw_all(uids: tuple[str, ...], prometheus: str | None, into: Path, *, hints: bool) -> int:
    """Return the number of faults."""
    with _progress() as progress:
        async with _stage(prometheus, progress) as stage, painting(stage.prometheus, Settings().timezone) as painter:
            shots = [shot for shot in _shots(stage) if not uids or shot.dashboard["uid"] in uids]
            task = progress.add_task("pictures", total=len(shots))
            turn = asyncio.Semaphore(_AT_ONCE)

            async def draw(shot: _Shot) -> int:
                async with turn:
                    faults = await _draw(painter, shot, into, hints=hints)
                    progress.advance(task)
                    return faults

            return sum(await asyncio.gather(*map(draw, shots)))


async def _draw(painter: Painter, shot: _Shot, into: Path, *, hints: bool) -> int:
    picture = await painter.draw(shot.dashboard, shot.sitting)
    png = await shrunk(picture.png)
    (into / f"{shot.name}.png").write_bytes(png)
    mark = "[red]✗[/]" if picture.faults else "[green]✓[/]"
    _console.print(f"{mark} {shot.name}.png ({len(png) / 1000:.0f} kB)")
    for note in picture.faults:
        _tell(note, "red")
    for note in picture.hints if hints else ():
        _tell(note, "dim")
    return len(picture.faults)


def _tell(note: Note, style: str) -> None:
    _console.print(f"    [{style}]{escape(note.where)}: {escape(note.what)}[/]", highlight=False)


def _shots(stage: Stage) -> Iterator[_Shot]:
    """Yield the pictures to be made: one of each dashboard, and one more of the wall in the light theme."""
    since = {"from": format_instant(stage.since_ms), "to": "now"} if stage.since_ms else None
    for path in sorted(DASHBOARDS.rglob("*.json"), key=lambda path: (path.parent.name != _SERVICE, path)):
        dashboard = json.loads(path.read_text())
        folder = path.parent.name
        sitting = Sitting(folder, time=since if folder == _SERVICE else None)
        if dashboard["uid"] == _WALL:
            sitting = sitting._replace(kiosk=True)
            yield _Shot(f"{_WALL}-light", dashboard, sitting._replace(theme="light"))
        yield _Shot(dashboard["uid"], dashboard, sitting)


@asynccontextmanager
async def _stage(prometheus: str | None, progress: Progress) -> AsyncIterator[Stage]:
    if prometheus is not None:
        yield Stage(prometheus.rstrip("/"), since_ms=None)
        return
    tasks: dict[str, Any] = {}

    def told(what: str, share: float) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=1.0)
        progress.update(tasks[what], completed=share)

    sources = (*DASHBOARDS.rglob("*.json"), *(CONFIG / "rules").glob("*.yml"))
    with tempfile.TemporaryDirectory(prefix="salespulse-pictures-") as folder:
        async with staged(metrics_named(path.read_text() for path in sources), Path(folder), told) as stage:
            yield stage


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=_console
    )


if __name__ == "__main__":
    screenshots()
