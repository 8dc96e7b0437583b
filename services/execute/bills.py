"""What bills are decided on besides their own state: periods, payments, saved cards and rates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contracts.columns import columns
from domain.bill import CloseBill, FinishBill, RetryBill
from domain.bill_adding import AddFee, AddLineItem
from domain.bill_making import FACILITY, CreateBill
from domain.bill_states import Ending, Known
from domain.book import Book
from domain.exchange import LoadedRate, rate_keys
from services.execute.envelope import Envelope
from services.execute.statements import AnyConnection, sql

Name = tuple[str, str]
"""Tenant and stream, or tenant and account."""

_CARDS: Final = sql("load_cards.sql")
_RATES: Final = sql("load_rates.sql")


def streams_of_bills(envelopes: Sequence[Envelope]) -> set[Name]:
    """The streams that commands of bills name besides their own."""
    found: set[Name] = set()
    for envelope in envelopes:
        match envelope.command:
            case CreateBill(periods=str(periods)):
                found.add((envelope.tenant, periods))
            case FinishBill(payment_id=payment_id):
                found.add((envelope.tenant, payment_id))
            case AddFee(bill_ids=bill_ids):
                found |= {(envelope.tenant, bill_id) for bill_id in bill_ids}
            case _:
                pass  # it names no other
    return found


async def cards_of_bills(connection: AnyConnection, envelopes: Sequence[Envelope]) -> set[Name]:
    """The saved cards of the accounts whose bills are to be closed."""
    accounts = {
        (envelope.tenant, str(envelope.command.account_id))
        for envelope in envelopes
        if isinstance(envelope.command, CloseBill | RetryBill)
    }
    if not accounts:
        return set()
    rows = await connection.fetch(_CARDS, *columns(sorted(accounts), "tt"))
    return {(row["tenant"], row["stream_id"]) for row in rows}


def facilities_of_bills(
    books: Mapping[str, Book], envelopes: Sequence[Envelope]
) -> Iterator[tuple[str, str]]:
    """Tenant and facility of the bills that may be issued an invoice."""
    for envelope in envelopes:
        if isinstance(envelope.command, CloseBill | RetryBill):
            book = books[envelope.tenant]
            bill = book.states.get(envelope.command.bill_id)
            if isinstance(bill, Known) and not (isinstance(bill, Ending) and bill.invoice_id):
                yield envelope.tenant, bill.facility
            elif bill is None:  # it may be made by a command ahead of it in the same batch
                account = book.accounts.get(envelope.command.account_id)
                yield envelope.tenant, account.facility if account else FACILITY


async def load_rates(
    connection: AnyConnection, books: Mapping[str, Book], envelopes: Sequence[Envelope]
) -> None:
    """Fill in the loaded rates of the exchanges that the batch may need."""
    wanted: set[tuple[str, str, str, str]] = set()
    for envelope in envelopes:
        command = envelope.command
        if isinstance(command, AddLineItem | AddFee):
            bill_ids = (command.bill_id,) if isinstance(command, AddLineItem) else command.bill_ids
            for bill_id in bill_ids:
                bill = books[envelope.tenant].states.get(bill_id)
                if isinstance(bill, Known) and bill.currency != command.item.currency:
                    keys = rate_keys(bill.surface, command.item.currency, bill.currency)
                    wanted |= {(envelope.tenant, *key) for key in keys}
    if not wanted:
        return
    for row in await connection.fetch(_RATES, *columns(sorted(wanted), "tttt")):
        loaded = books[row["tenant"]].rates.loaded
        key = (row["surface"], row["currency"], row["into_currency"])
        window = LoadedRate(row["valid_from"], row["valid_to"], row["rate"])
        loaded[key] = (*loaded.get(key, ()), window)
