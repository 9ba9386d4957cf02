"""What the commands share: settings and declarations, or one clear line for each fault and the right exit code."""

import click

from config.load import DeclarationFaults, load
from config.settings import Settings, SettingsError, load_settings
from metrics.plan import Plan, compile_plan


def settings_or_exit() -> Settings:
    """Return the settings; end with exit code 2 and a line for each fault if they have any."""
    try:
        return load_settings()
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None


def plan_or_exit(settings: Settings) -> Plan:
    """Return the compiled declarations; end with exit code 1 and a line for each fault if they have any."""
    try:
        declarations = load(settings.catalogue, groups_off=settings.groups_off)
        return compile_plan(declarations, settings.timezone, settings.currency)
    except DeclarationFaults as found:
        for fault in found.faults:
            click.echo(str(fault), err=True)
        raise SystemExit(1) from None
