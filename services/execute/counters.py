"""Numbers that must have no gaps: which counters a batch may draw from, locked in order."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.columns import columns
from contracts.ids import AccountId
from domain.account import OpenAccount
from domain.book import Book
from domain.invoice import CreateDraftInvoice, Draft, IssueInvoice
from domain.rejections import EverythingSealed
from domain.write_side import invoice_counter
from services.execute.bills import facilities_of_bills
from services.execute.envelope import Envelope
from services.execute.statements import AnyConnection, sql

_MAKE: Final = sql("make_counters.sql")
_LOCK: Final = sql("lock_counters.sql")


async def load_counters(
    connection: AnyConnection, books: Mapping[str, Book], envelopes: Sequence[Envelope]
) -> None:
    """Lock the counters that the batch may draw from, sorted, after the accounts."""
    drafts = {
        (envelope.tenant, envelope.command.invoice_id): envelope.command
        for envelope in envelopes
        if isinstance(envelope.command, CreateDraftInvoice)
    }
    opened = {
        (envelope.tenant, envelope.command.account_id): envelope.command.facility
        for envelope in envelopes
        if isinstance(envelope.command, OpenAccount)
    }
    facilities = set(facilities_of_bills(books, envelopes))
    for envelope in envelopes:
        if isinstance(envelope.command, IssueInvoice):
            book, invoice_id = books[envelope.tenant], envelope.command.invoice_id
            draft = drafts.get((envelope.tenant, invoice_id))
            facility = _invoice_facility(book, book.states.get(invoice_id), draft, opened)
            if facility is not None:
                facilities.add((envelope.tenant, facility))
    wanted = set()
    for tenant, facility in facilities:
        try:
            issued_on = books[tenant].today(facility)
        except EverythingSealed:
            continue  # Draws no number: the decision is refused with the same.
        wanted.add((tenant, invoice_counter(facility, issued_on.year)))
    if not wanted:
        return
    names = columns(sorted(wanted), "tt")
    await connection.execute(_MAKE, *names)
    for row in await connection.fetch(_LOCK, *names):
        books[row["tenant"]].counters[row["name"]] = row["value"]


def _invoice_facility(
    book: Book,
    state: Any,
    draft: CreateDraftInvoice | None,
    opened: dict[tuple[str, AccountId], str],
) -> str | None:
    if isinstance(state, Draft):
        return state.facility
    if state is not None or draft is None:
        return None
    if draft.facility is not None:
        return draft.facility
    account = book.accounts.get(draft.account_id)
    # The account may be opened by a command ahead of it in the same batch.
    return account.facility if account else opened.get((book.tenant, draft.account_id))
