"""The command line: one group of commands, each imported only when it is used."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import click


class Command(NamedTuple):
    """Where a command is, and what it does in a few words, so that `--help` need not import it."""

    module: str
    name: str
    summary: str


COMMANDS: Mapping[str, Command] = {
    "demo": Command("streams.demo_command", "demo", "Show the live KPIs of a simulated organisation, without Kafka."),
    "report": Command("streams.report_command", "report", "Compute the KPIs of event files as of an instant."),
    "worker": Command("streams.worker_command", "worker", "Compute the cells of the KPIs from the events in Kafka."),
    "serve": Command("streams.serve_command", "serve", "Serve the live KPIs: page, JSON and /metrics."),
    "run": Command("streams.run_command", "run", "Run a worker and a view together."),
    "replay": Command("streams.replay_command", "replay", "Write the events of CSV and JSONL files to Kafka."),
    "simulate": Command("streams.simulate_command", "simulate", "Write the events of a simulated company to Kafka."),
    "check": Command("streams.check_command", "check", "Say everything that is wrong with the declarations."),
    "kpis": Command("streams.kpis_command", "kpis", "List the KPIs, or count the time series they make."),
    "explain": Command("streams.explain_command", "explain", "Say all there is to say about one KPI."),
    "render": Command("streams.render_command", "render", "Write what is made from the declarations, or check it."),
    "topics": Command("streams.topics", "topics", "Make the Kafka topics, or check them."),
    "dead-letters": Command(
        "streams.dead_letters_command", "dead_letters", "Show the events that were refused, or write them once more."
    ),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import the command."""
        command = COMMANDS.get(cmd_name)
        if command is None:
            return None
        found: click.Command = getattr(import_module(command.module), command.name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        try:
            click.echo(f"salespulse {version('salespulse')}")
        except PackageNotFoundError:
            click.echo("salespulse (not installed)")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def main() -> None:
    """Sales events in Kafka become exact, live KPIs in Prometheus.

    Settings are environment variables that begin with SALESPULSE_.

    \b
    Example:
      salespulse demo
    """  # noqa: D301 - \b is click's


if __name__ == "__main__":
    main(prog_name="salespulse")
