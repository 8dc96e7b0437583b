"""A page of a run: everybody's statement made, kept, delivered, and what became of it noted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import asyncpg
import structlog

from contracts.account import AccountOpened
from contracts.columns import columns
from contracts.statement_views import AccountStatement
from projections.account_statements_queries import find_statements
from services.documents.rendering import PaperTooLong, Render, RendererBusy, render_statement
from services.documents.sender import Sender
from services.documents.statement import StatementDocument
from services.documents.style import Style, choose_style
from services.letterheads import find_sender
from services.ports import NotDelivered, Undeliverable
from services.sealing import Keys, find_keys
from services.statements.contacts import Contact, contact_of, read_accounts, subjects_of
from services.statements.letters import Told, statement_letter
from services.statements.post import LINK_DAYS, HandedOver, Kept, Letterbox, Post
from services.statements.queries import sql
from services.statements.runs import RunFound
from services.tenant_view import tenant_view

AT_ONCE_MAX: Final = 4
_RECORD: Final = sql("run_record")
_log = structlog.get_logger()


class Dressed(NamedTuple):
    """A statement with what its paper needs."""

    statement: AccountStatement
    style: Style
    sender: Sender
    contact: Contact


class Outcome(NamedTuple):
    """What became of an account; `outcome` is one of the table's words."""

    account_id: str
    outcome: str
    handed: HandedOver | None = None
    kept: Kept | None = None
    code: str | None = None
    detail: str | None = None


class NotNow(Exception):
    """Somebody who is needed is away: the account is to be tried again."""


class Turns:
    """Some at a time; once one has failed no other begins, for what failed is away for all."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE_MAX)
        self._has_failed = False

    async def take(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """What the work answers, or False where it was not begun."""
        async with self._free:
            if self._has_failed:
                return False
            try:
                return await work()
            except BaseException:
                self._has_failed = True
                raise


class Making:
    """Makes statements; the pools act as daybook_writer and daybook_reader."""

    def __init__(
        self, pool: asyncpg.Pool, reader: asyncpg.Pool, render: Render, post: Post
    ) -> None:
        self._pool = pool
        self._reader = reader
        self._render = render
        self._post = post

    async def make(self, run: RunFound, account_ids: Sequence[str], *, last_try: bool) -> int:
        """See to these accounts; how many are to be tried again. Each is noted as it ends.

        With `last_try` whoever cannot be reached has failed.
        """
        dressed = await self._dress(run, account_ids)
        idle = [each for each in dressed if is_idle(each.statement)]
        await self._note(run, [Outcome(each.statement.account_id, "skipped") for each in idle])
        turns = Turns()
        busy = [each for each in dressed if not is_idle(each.statement)]
        # All have ended when this fails: no account is seen to by two attempts at once.
        answers = await asyncio.gather(
            *(turns.take(partial(self._try, run, each, last_try)) for each in busy),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers.count(False)

    async def _try(self, run: RunFound, dressed: Dressed, last_try: bool) -> bool:
        """Whether the account is done, and noted."""
        try:
            outcome = await self._see_to(run, dressed)
        except (NotNow, RendererBusy) as away:
            if not last_try:
                _log.warning(
                    "a statement is to be tried again",
                    tenant=run.tenant,
                    run_id=run.started.run_id,
                    account_id=dressed.statement.account_id,
                    reason=str(away),
                )
                return False
            outcome = _failed(dressed, "NOT_DELIVERED", str(away))
        # Noted at once: whoever goes on after a crash leaves this account out.
        await self._note(run, [outcome])
        return True

    async def _see_to(self, run: RunFound, dressed: Dressed) -> Outcome:
        account_id = dressed.statement.account_id
        document = StatementDocument(
            statement=dressed.statement, name=dressed.contact.name, sender=dressed.sender
        )
        try:
            content = await render_statement(self._render, document, dressed.style)
        except PaperTooLong as long:
            return _failed(dressed, "PAPER_TOO_LONG", str(long))
        place = f"statements/{run.started.run_id}/{account_id}.pdf"
        kept = await self._post.keep(run.tenant, place, content)
        if not run.started.channels:
            return Outcome(account_id, "made", None, kept)
        answer = await self._post.deliver(_letterbox(run, dressed, kept))
        if isinstance(answer, NotDelivered):
            raise NotNow(answer.reason)
        if isinstance(answer, Undeliverable):
            return _failed(dressed, answer.code, answer.message, kept)
        return Outcome(account_id, "delivered", answer, kept)

    async def _dress(self, run: RunFound, account_ids: Sequence[str]) -> list[Dressed]:
        started = run.started
        async with tenant_view(self._reader, run.tenant) as connection:
            statements = await find_statements(
                connection, account_ids, started.first_on, started.as_of
            )
            accounts = await read_accounts(connection, account_ids)
            senders = await _senders(connection, statements)
        keys = await find_keys(self._reader, run.tenant, subjects_of(accounts))
        return [_dressed(run, each, accounts, keys, senders) for each in statements]

    async def _note(self, run: RunFound, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            rows = [_row(run, outcome) for outcome in outcomes]
            async with tenant_view(self._pool, run.tenant) as connection:
                await connection.execute(_RECORD, *columns(rows, "tttttttttt"))


def is_idle(statement: AccountStatement) -> bool:
    """Whether there is nothing to tell: no activity, and nothing owed either way."""
    return not statement.lines and not statement.closing.minor and not statement.ageing.credit.minor


async def _senders(
    connection: Any, statements: Sequence[AccountStatement]
) -> dict[tuple[str, str], Sender]:
    """The letterheads of these statements, each read once."""
    senders: dict[tuple[str, str], Sender] = {}
    for each in statements:
        language = choose_style([each.language]).style.language
        if (each.facility, language) not in senders:
            senders[each.facility, language] = await find_sender(
                connection, each.facility, language
            )
    return senders


def _dressed(
    run: RunFound,
    statement: AccountStatement,
    accounts: dict[str, AccountOpened],
    keys: Keys,
    senders: dict[tuple[str, str], Sender],
) -> Dressed:
    plain = choose_style([statement.language]).style
    sender = senders[statement.facility, plain.language]
    style = choose_style([statement.language], sender.calendar).style
    account = accounts[statement.account_id]
    contact = contact_of(account, keys, run.tenant, run.started.channels)
    return Dressed(statement, style, sender, contact)


def _letterbox(run: RunFound, dressed: Dressed, kept: Kept) -> Letterbox:
    statement = dressed.statement
    told = Told(
        sender=dressed.sender.name,
        name=dressed.contact.name,
        on=statement.last_on,
        amount_minor=statement.closing.minor,
        currency=statement.currency,
        until=(datetime.now(UTC) + timedelta(days=LINK_DAYS)).date(),
    )
    return Letterbox(
        tenant=run.tenant,
        delivery_id=f"{run.started.run_id}-{statement.account_id}",
        contact=dressed.contact,
        language=dressed.style.tag,
        letter=statement_letter(dressed.style, told),
        kept=kept,
        file_name=f"statement-{statement.last_on}.pdf",
    )


def _failed(dressed: Dressed, code: str, detail: str, kept: Kept | None = None) -> Outcome:
    return Outcome(dressed.statement.account_id, "failed", None, kept, code, detail)


def _row(run: RunFound, outcome: Outcome) -> tuple[Any, ...]:
    handed, kept = outcome.handed, outcome.kept
    return (
        run.tenant,
        run.started.run_id,
        outcome.account_id,
        outcome.outcome,
        handed.channel if handed else None,
        handed.reference if handed else None,
        kept.document if kept else None,
        kept.sha256 if kept else None,
        outcome.code,
        outcome.detail,
    )
