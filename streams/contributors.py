"""Which entities make up a reading: asked by a view, and answered by the workers that hold them.

A worker goes through the entities of its shards in slices, so that it reads and flushes on meanwhile, and answers one
question at a time. A view asks all workers, and says so when one of them does not answer: a part of the entities would
be a wrong explanation.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from ssl import SSLContext

import msgspec
from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    web,
)
from pydantic import SecretStr

from metrics.calendar import BusinessCalendar
from metrics.contributors import Contributors, Question, in_order
from metrics.evaluate import Result
from metrics.plan import Plan
from metrics.shard import Shard
from metrics.view import Reading, View
from streams.entity_messages import (
    ContributionMessage,
    EntitiesPage,
    EntityMessage,
    EntityTotals,
    ShardsAnswer,
    added_up,
    contribution_messages,
    entity_message,
    place_of,
)
from streams.entity_question import PARAMETERS, cursor, parse_question, question_of, question_params
from streams.envelope import format_instant, parse_instant
from streams.messages import Messages
from streams.question_signature import sign
from streams.readings import QueryError

__all__ = [
    "PARAMETERS",
    "ContributionMessage",
    "EntitiesPage",
    "EntitiesRoute",
    "EntityMessage",
    "EntityTotals",
    "Question",
    "WorkersUnreachableError",
    "ask_shards",
    "ask_workers",
    "parse_question",
]

PATH = "/entities"
PATIENCE_SECONDS = 10.0
_SLICE_SECONDS = 0.0025
"""How long a search keeps the event loop to itself; the step that ends it may take as long again."""
_OWN_PARAMETERS = ("kpi", "as_of")
"""What a worker is told besides the parameters of a question."""
_OK = 200
_LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer; a page holds a hundred entities at most, and an address may lead to anything."""
_encode = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(ShardsAnswer).decode
_decode_error = msgspec.json.Decoder(dict[str, str]).decode


class WorkersUnreachableError(Exception):
    """Not every shard can be asked now. Reaction: tell whoever asked; the text names the workers or shards."""


# ----------------------------------------------------------------------------------------------------------- the worker


class EntitiesRoute:
    """`GET /entities` of a worker: the entities of the shards that it owns."""

    def __init__(self, plan: Plan, owned: Callable[[], Mapping[int, Shard]]) -> None:
        """Answer for the shards that `owned` gives at the time of a question."""
        self._plan = plan
        self._owned = owned
        self._contributors = Contributors(plan)
        self._lock = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one question after the other; those that nobody waits for any more are left."""
        try:
            question, as_of = self._parse(list(request.query.items()))
        except QueryError as error:
            return web.json_response({"error": str(error)}, status=400)
        async with self._lock:
            if request.transport is None:
                return web.Response(status=503)
            found = await _search(self._contributors, self._owned(), question, as_of)
        return web.Response(body=_encode(found), content_type="application/json", headers={"Cache-Control": "no-store"})

    def _parse(self, given: Sequence[tuple[str, str]]) -> tuple[Question, int | None]:
        """Return the question, and the T whose windows are meant."""
        own = {name: text for name, text in given if name in _OWN_PARAMETERS}
        if "kpi" not in own:
            raise QueryError(f"kpi is missing; use one of {', '.join(self._plan.declarations.kpis)}")
        question = question_of(self._plan, own["kpi"], [pair for pair in given if pair[0] not in _OWN_PARAMETERS])
        try:
            return question, parse_instant(own["as_of"]) if "as_of" in own else None
        except ValueError as error:
            raise QueryError(f"as_of: {error}") from None


class _Pauses:
    """Lets others use the event loop between two slices of a search."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    async def if_due(self) -> None:
        if time.monotonic() - self._begun >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            self._begun = time.monotonic()


async def _search(
    contributors: Contributors, shards: Mapping[int, Shard], question: Question, as_of: int | None
) -> ShardsAnswer:
    """Look through all entities of some shards, in slices; as of the newest of their own T when none is given."""
    owned = dict(sorted(shards.items()))
    at = max((shard.now for shard in owned.values()), default=0) if as_of is None else as_of
    scan, pause = contributors.scan(question, at), _Pauses()
    for shard in owned.values():
        for _ in scan.over(shard):
            await pause.if_due()
    entities = []
    for found in scan.entities():
        entities.append(entity_message(found, contributors.plan.calendar))
        await pause.if_due()
    return ShardsAnswer(
        shards=list(owned),
        as_of=format_instant(at) if owned else None,
        entities=entities,
        left=scan.left,
        totals=EntityTotals(entities=scan.count, contributions=contribution_messages(scan.totals())),
    )


# ------------------------------------------------------------------------------------------------------------- the view


async def ask_shards(shards: Sequence[Shard], view: View, question: Question) -> EntitiesPage:
    """Return a page of the entities of a reading from the shards of this process.

    Raises:
        WorkersUnreachableError: nothing is evaluated yet.
    """
    as_of, page = _reading(view, question)
    answer = await _search(Contributors(view.plan), dict(enumerate(shards)), question, as_of)
    return _filled(page, question, [answer], view.plan.calendar)


async def ask_workers(
    view: View, question: Question, token: SecretStr | None = None, trust: SSLContext | None = None
) -> EntitiesPage:
    """Return a page of the entities of a reading from the workers that reported to `view`.

    Args:
        view: what is shown, and where its workers are.
        question: the reading, and the page of it.
        token: what workers ask for; it is not sent: they are shown that it is known.
        trust: whom to trust when workers answer by HTTPS; the system's authorities by default.

    Raises:
        WorkersUnreachableError: nothing is evaluated yet, a worker does not answer, or not every shard was answered
            for exactly once.
    """
    as_of, page = _reading(view, question)
    calendar, shards = view.plan.calendar, set(view.progress)
    addresses = _addresses(view)
    params = question_params(question, as_of)
    headers = {} if token is None else {"Authorization": sign(token, params)}
    connector = TCPConnector(ssl=True if trust is None else trust)
    async with ClientSession(
        timeout=ClientTimeout(total=PATIENCE_SECONDS), headers=headers, connector=connector
    ) as session:
        found = await asyncio.gather(*(_ask(session, address, params) for address in addresses))
    faults = [answer for answer in found if isinstance(answer, str)]
    if faults:
        raise WorkersUnreachableError("; ".join(faults))
    answers = [answer for answer in found if isinstance(answer, ShardsAnswer)]
    _check_shards(shards, answers)
    return _filled(page, question, answers, calendar)


def _addresses(view: View) -> list[str]:
    """Return where the owners of all shards are, each once."""
    silent = [shard for shard, progress in sorted(view.progress.items()) if progress.address is None]
    if silent:
        raise WorkersUnreachableError(
            f"the worker of shard {', '.join(map(str, silent))} tells no address; it is of an older release: update it"
        )
    return sorted({progress.address for progress in view.progress.values() if progress.address is not None})


async def _ask(session: ClientSession, address: str, params: list[tuple[str, str]]) -> ShardsAnswer | str:
    """Return what a worker answers, or what is wrong with it."""
    try:
        async with session.get(f"{address}{PATH}", params=params, allow_redirects=False) as response:
            status, body = response.status, await _bounded(response)
    except ClientConnectorCertificateError as error:
        return (
            f"the worker at {address} shows a certificate that is not trusted ({error.certificate_error}); set"
            " SALESPULSE_HTTP_SSL_CAFILE here to a file with its authority, and SALESPULSE_WORKER_URL there to a name"
            " that stands in the certificate"
        )
    except _TooLargeError:
        return f"the worker at {address} gave an answer of more than {_LARGEST_ANSWER:,} bytes; ask for less"
    except TimeoutError:
        return f"the worker at {address} did not answer within {PATIENCE_SECONDS:.0f} s; ask again later"
    except (ClientError, OSError, ValueError) as error:
        return (
            f"the worker at {address} cannot be reached ({error}); if it is up, set SALESPULSE_WORKER_URL there to an"
            " address that views reach"
        )
    return _answer(address, status, body)


def _answer(address: str, status: int, body: bytes) -> ShardsAnswer | str:
    if status != _OK:
        return f"the worker at {address} refused the question with status {status}{_told(body)}"
    try:
        return _decode_answer(body)
    except msgspec.MsgspecError as error:
        return f"the worker at {address} gave an answer that this release cannot read ({error}); update both"


class _TooLargeError(Exception):
    """An answer is larger than any worker's. Reaction: tell whoever asked."""


async def _bounded(response: ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise _TooLargeError
    return bytes(body)


def _told(body: bytes) -> str:
    try:
        return f": {_decode_error(body)['error']}"
    except (msgspec.MsgspecError, KeyError):
        return ""


def _check_shards(expected: Collection[int], answers: Iterable[ShardsAnswer]) -> None:
    told = [shard for answer in answers for shard in answer.shards]
    missing = sorted(set(expected) - set(told))
    twice = sorted({shard for shard in told if told.count(shard) > 1})
    for shards, what in ((missing, "no worker answered for"), (twice, "several workers answered for")):
        if shards:
            names = f"shard{'s' if len(shards) > 1 else ''} {', '.join(map(str, shards))}"
            raise WorkersUnreachableError(f"{what} {names}: shards are moving to other workers; ask again in a moment")


def _reading(view: View, question: Question) -> tuple[int, EntitiesPage]:
    """Return the T of the view, and the page of the reading without entities."""
    plan, series, window = view.plan, question.series, question.window
    if view.as_of is None:
        raise WorkersUnreachableError("nothing is evaluated yet; ask again when `/readyz` says that the view is live")
    position = next(i for i, known in enumerate(plan.series) if known is series)
    result = view.readings[position, window].get(question.dims, Result(None))
    told = Messages(plan).message(Reading(series, window, question.dims, result), view.as_of)
    return view.as_of, EntitiesPage(
        kpi=told.kpi,
        agg=told.agg,
        window=told.window,
        start=told.start,
        end=told.end,
        as_of=told.as_of,
        grain=told.grain,
        dimensions=told.dimensions,
        value=told.value,
        unit=told.unit,
        currency=told.currency,
        entities=[],
        totals=EntityTotals(entities=0, contributions=[]),
    )


def _filled(
    page: EntitiesPage, question: Question, answers: Sequence[ShardsAnswer], calendar: BusinessCalendar
) -> EntitiesPage:
    """Put the newest of what was answered on the page, and the sums of all of it."""
    placed = [(place_of(message, calendar), message) for answer in answers for message in answer.entities]
    placed.sort(key=lambda found: found[0], reverse=True)
    shown = placed[: question.limit]
    page.entities = [message for _, message in shown]
    page.totals = EntityTotals(
        entities=sum(answer.totals.entities for answer in answers),
        contributions=contribution_messages(in_order(added_up(answers), question.parts())),
    )
    if sum(answer.left for answer in answers) > len(shown):
        page.next = cursor(shown[-1][0])
    return page
