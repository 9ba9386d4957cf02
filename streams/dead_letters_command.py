"""`salespulse dead-letters`: which events were refused and why, and writing them once more."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal, TypeVar

import click
import msgspec

from config.declarations import parse_duration
from config.settings import Settings
from streams.clock import wall_clock
from streams.commands import settings_or_exit
from streams.dead_letters import DeadLetter, DeadLettersError, Overview, read_letters, topics_of
from streams.dead_letters_retry import distinct, entity_id_of, retry
from streams.envelope import format_instant

Result = TypeVar("Result")
_SHOWN_REASONS = 20
_AFTERWARDS = (
    "an event that is still wrong comes back as a new letter; one that was applied before changes nothing.\n"
    "The letters stay on their topic for as long as it keeps them."
)


def _span(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Return the milliseconds of a span of time, as declarations write it."""
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("dead-letters")
def dead_letters() -> None:
    """Show the events that were refused, and write them once more.

    \b
    Example:
      salespulse dead-letters list --since 2h
    """  # noqa: D301 - \b is click's


@dead_letters.command("list")
@click.option("--type", "type_", metavar="T", help="Only events of this type, such as deal.")
@click.option("--since", metavar="SPAN", callback=_span, help="Only letters of the last so long, such as 30m or 7d.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show so many of the newest.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_letters(type_: str | None, since: int | None, limit: int, form: Literal["table", "json"]) -> None:
    """List the newest dead letters: key, when (UTC), reason; then the totals of all by type and reason.

    \b
    Example:
      salespulse dead-letters list --type deal --since 2h
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    overview = Overview(limit, type_, 0 if since is None else wall_clock() - since)
    _run(_look(settings, overview))
    lines = as_json(overview) if form == "json" else as_table(overview, settings.dead_letters_topic)
    for line in lines:
        click.echo(line)


@dead_letters.command()
@click.argument("key")
@click.option("--raw", is_flag=True, help="Write the bytes of the event, and nothing else.")
def show(key: str, raw: bool) -> None:  # noqa: FBT001 - a flag
    """Show all there is about one letter: why, where the event stood, when, and the event.

    \b
    Example:
      salespulse dead-letters show deal/3/17
      salespulse dead-letters show deal/3/17 --raw > event.json
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    letters, _ = _run(_find(settings, lambda letter: letter.key == key))
    _all_found((key,), letters, settings)
    letter = max(letters, key=lambda letter: letter.refused_ms)
    if raw:
        click.get_binary_stream("stdout").write(letter.event)
        return
    for line in described(letter):
        click.echo(line)


@dead_letters.command("retry")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--type", "type_", metavar="T", help="All events of this type, such as deal.")
@click.option("--all", "every", is_flag=True, help="All events.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Needed with --type and --all.")
def retry_letters(
    keys: tuple[str, ...],
    type_: str | None,
    every: bool,  # noqa: FBT001 - a flag
    dry_run: bool,  # noqa: FBT001 - a flag
    yes: bool,  # noqa: FBT001 - a flag
) -> None:
    """Write refused events once more, byte by byte, to the topics that they came from.

    Do so when the cause is mended, such as a declaration. An event that is still wrong comes back as a new letter, and
    one that was applied before changes nothing. An event with several letters is written once.

    \b
    Example:
      salespulse dead-letters retry deal/3/17
      salespulse dead-letters retry --type deal --dry-run
    """  # noqa: D301 - \b is click's
    if [bool(keys), type_ is not None, every].count(True) != 1:
        raise click.UsageError("name what to retry: keys, or --type, or --all")
    if not (keys or yes or dry_run):
        raise click.UsageError("--type and --all need --yes; --dry-run shows what they would write")
    settings = settings_or_exit()
    letters, topics = _run(_find(settings, lambda of: every or of.type == type_ or of.key in keys))
    _all_found(keys, letters, settings)
    chosen = distinct(letters)
    refused = {} if dry_run else _run(retry(settings, chosen, topics))
    for letter in chosen:
        if letter.key not in refused:
            click.echo(f"{'would write' if dry_run else 'wrote'} {_destination(letter)}")
    count = len(chosen) - len(refused)
    click.echo(f"{_counted(count, 'event')} {'would be written' if dry_run else 'written'}")
    if chosen:
        click.echo(_AFTERWARDS)
    if refused:
        faults = "\n".join(f"kafka did not accept the event of `{key}`: {why}" for key, why in refused.items())
        raise click.ClickException(faults)


# -------------------------------------------------------------------------------------------------------------- reading


async def _look(settings: Settings, overview: Overview) -> None:
    topics = await topics_of(settings)
    async for letter in read_letters(settings, topics[settings.dead_letters_topic]):
        overview.add(letter)


async def _find(settings: Settings, wanted: Callable[[DeadLetter], bool]) -> tuple[list[DeadLetter], dict[str, int]]:
    topics = dict(await topics_of(settings))
    letters = read_letters(settings, topics[settings.dead_letters_topic])
    return [letter async for letter in letters if wanted(letter)], topics


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except DeadLettersError as error:
        raise click.ClickException(str(error)) from error


def _all_found(keys: tuple[str, ...], letters: list[DeadLetter], settings: Settings) -> None:
    unknown = sorted(set(keys) - {letter.key for letter in letters})
    if unknown:
        names = ", ".join(f"`{key}`" for key in unknown)
        where = f"`{settings.dead_letters_topic}`"
        raise click.ClickException(f"no dead letter {names} is on {where}; `salespulse dead-letters list` shows them")


# -------------------------------------------------------------------------------------------------------------- wording


def as_table(overview: Overview, topic: str) -> Iterator[str]:
    """Yield a line for each of the newest letters, and then the totals."""
    newest = overview.newest
    if not newest:
        yield f"no dead letters that match are on `{topic}`"
        return
    width = max(len(letter.key) for letter in newest)
    for letter in newest:
        yield f"{visible(letter.key):{width}}  {format_instant(letter.refused_ms)}  {_one_line(letter.reason)}"
    yield ""
    shown = f"; the newest {len(newest):,} are shown" if len(newest) < overview.count else ""
    yield f"{_counted(overview.count, 'dead letter')}{shown}"
    totals = list(overview.totals.items())
    for (type_, reason), count in totals[:_SHOWN_REASONS]:
        yield f"{count:>7,}  {visible(type_)}  {_one_line(reason)}"
    rest = totals[_SHOWN_REASONS:]
    if rest:
        yield f"{sum(count for _, count in rest):>7,}  for {len(rest):,} other reasons"


def as_json(overview: Overview) -> Iterator[str]:
    """Yield the newest letters without their events, and the totals, as one JSON document."""
    letters = [
        {
            "key": letter.key, "refused_at": format_instant(letter.refused_ms), "reason": letter.reason,
            "type": letter.type, "topic": letter.topic, "partition": letter.partition, "offset": letter.offset,
        }
        for letter in overview.newest
    ]  # fmt: skip
    totals = [{"type": t, "reason": reason, "count": count} for (t, reason), count in overview.totals.items()]
    yield json.dumps({"letters": letters, "count": overview.count, "totals": totals}, ensure_ascii=False, indent=2)


def described(letter: DeadLetter) -> Iterator[str]:
    """Yield all there is to say about one letter; JSON is laid out, anything else is left as it is."""
    yield f"key      {visible(letter.key)}"
    yield f"reason   {_one_line(letter.reason)}"
    yield f"refused  {format_instant(letter.refused_ms)}"
    yield f"written  {format_instant(letter.written_ms)}"
    yield f"stood    {letter.topic}, partition {letter.partition}, offset {letter.offset}"
    yield f"event    {_counted(len(letter.event), 'byte')}"
    yield ""
    yield visible(laid_out(letter.event))


def laid_out(event: bytes) -> str:
    """Return the event as text: JSON with a line for each member; bytes that are no UTF-8 in hexadecimal."""
    try:
        return msgspec.json.format(event.decode(), indent=2)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.decode(errors="backslashreplace")


def visible(text: str) -> str:
    """Return `text` with what would steer a terminal spelt out: it comes from whoever may write events."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _destination(letter: DeadLetter) -> str:
    entity_id = entity_id_of(letter.event)
    key = f"with key `{visible(entity_id)}`" if entity_id else "without a key"
    return f"{visible(letter.key)} to `{letter.topic}` {key}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
