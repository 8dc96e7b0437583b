"""Load what a batch is decided on: heads, accounts, open items, prices and settings, set by set."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.columns import columns
from contracts.price_list import ANY_FACILITY
from domain.book import Book
from domain.charge import CaptureCharge, ReverseCharge
from domain.invoice import CreateDraftInvoice
from domain.pricing import EffectivePrice, price_key
from domain.write_side import AccountHead, AccountStatus, ItemKind, OpenItem
from services.commands import BY_COMMAND, DECIDERS, Needs
from services.execute.bills import cards_of_bills, load_rates, streams_of_bills
from services.execute.corrections import (
    charges_of_drafts,
    charges_of_voided,
    is_on_account,
    items_named,
    items_of_refunds,
    methods_named,
)
from services.execute.counters import load_counters
from services.execute.envelope import Envelope
from services.execute.faults import StreamMoved
from services.execute.settings import new_books
from services.execute.statements import AnyConnection, sql

Account = tuple[str, str]
"""Tenant and account id."""
Books = dict[str, Book]

_STATE_DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    prefix: msgspec.json.Decoder(decider.states).decode for prefix, decider in DECIDERS.items()
}

_KINDS: Final = (
    (Needs.OPEN_INVOICES, ItemKind.INVOICE),
    (Needs.UNALLOCATED, ItemKind.UNALLOCATED),
    (Needs.HELD, ItemKind.HELD),
)
# Worked out once: it is asked of every envelope.
_WHOLE: Final = {
    kind: tuple(item for need, item in _KINDS if need in spec.needs)
    for kind, spec in BY_COMMAND.items()
}
# What these items are of has a stream of the item's id.
_STREAMS: Final = frozenset({ItemKind.CHARGE, ItemKind.INVOICE})

_ITEMS: Final = sql("load_items.sql")
_NAMED_ITEMS: Final = sql("load_named_items.sql")
_HEADS: Final = sql("load_heads.sql")
_PRICES: Final = sql("load_prices.sql")


def decode_state(stream_id: str, state: bytes) -> Any:
    """The folded state of a stream as stream_heads holds it."""
    return _STATE_DECODERS[stream_id.partition("_")[0]](state)


async def load_books(
    connection: AnyConnection,
    envelopes: Sequence[Envelope],
    accounts: Sequence[Account | None],
    locked: Mapping[Account, AccountHead],
    recorded_at: datetime,
) -> Books:
    """The books of the batch's tenants; call it in a statement after the locks were had.

    `accounts` are those of the envelopes, as far as they are known. Raises StreamMoved when one
    was opened, or a stream of one was made, after the locks.
    """
    tenants = sorted({envelope.tenant for envelope in envelopes})
    books = await new_books(connection, tenants, recorded_at)
    for (tenant, account_id), head in locked.items():
        books[tenant].accounts[account_id] = head
    wanted = {(envelope.tenant, _stream(envelope)) for envelope in envelopes}
    wanted |= methods_named(envelopes) | streams_of_bills(envelopes)
    wanted |= await cards_of_bills(connection, envelopes)
    wanted |= await _load_items(connection, books, envelopes, accounts)
    guards = await _load_heads(connection, books, wanted)
    if refunds := items_of_refunds(books, envelopes):
        await _load_named(connection, books, refunds)
    lines = charges_of_drafts(books, envelopes)
    if lines := lines | await charges_of_voided(connection, books, envelopes):
        await _load_heads(connection, books, lines)
    if len(locked) != len(set(accounts)):
        _check_locks(guards, envelopes, accounts, locked)
    await _load_prices(connection, books, envelopes)
    await load_rates(connection, books, envelopes)
    await load_counters(connection, books, envelopes)
    return books


def _stream(envelope: Envelope) -> str:
    return BY_COMMAND[type(envelope.command)].stream(envelope.command)


def account_head(row: Any) -> AccountHead:
    """An account as its row has it."""
    return AccountHead(
        account_id=row["account_id"],
        version=row["version"],
        facility=row["facility"],
        currency=row["currency"],
        status=AccountStatus(row["status"]),
        receivable_minor=row["receivable_minor"],
        credit_minor=row["credit_minor"],
    )


async def _load_items(
    connection: AnyConnection,
    books: Books,
    envelopes: Sequence[Envelope],
    accounts: Sequence[Account | None],
) -> set[tuple[str, str]]:
    """Fill in open items; returns the streams that they stand for, and those that are named."""
    whole: set[tuple[str, str, ItemKind]] = set()
    named: set[tuple[str, str, ItemKind, str]] = set()
    for envelope, account in zip(envelopes, accounts, strict=True):
        if account is None:
            continue
        command = envelope.command
        named |= set(items_named(envelope, account))
        whole.update((*account, kind) for kind in _WHOLE[type(command)])
        if is_on_account(command):
            whole.add((*account, ItemKind.ADJUSTMENT))
        elif isinstance(command, ReverseCharge):
            named.add((*account, ItemKind.CHARGE, str(command.charge_id)))
        elif isinstance(command, CreateDraftInvoice):
            if command.charge_ids is None:
                whole.add((*account, ItemKind.CHARGE))
            else:
                named |= {(*account, ItemKind.CHARGE, line) for line in command.charge_ids}
    # Of one that is named and not open, its stream says why not.
    streams = {(tenant, item_id) for tenant, _, _, item_id in named}
    if whole:
        rows = await connection.fetch(_ITEMS, *columns(list(whole), "ttt"))
        streams |= _put_items(books, rows)
    if named := {item for item in named if item[:3] not in whole}:
        await _load_named(connection, books, named)
    return streams


async def _load_named(
    connection: AnyConnection, books: Books, named: set[tuple[str, str, ItemKind, str]]
) -> None:
    _put_items(books, await connection.fetch(_NAMED_ITEMS, *columns(list(named), "tttt")))


def _put_items(books: Books, rows: Sequence[Any]) -> set[tuple[str, str]]:
    for row in rows:
        item = OpenItem(
            kind=ItemKind(row["kind"]),
            item_id=row["item_id"],
            outstanding_minor=row["outstanding_minor"],
            due_on=row["due_on"],
            number=row["number"],
        )
        items = books[row["tenant"]].open_items.setdefault(row["account_id"], {})
        items[item.kind, item.item_id] = item
    return {(row["tenant"], row["item_id"]) for row in rows if row["kind"] in _STREAMS}


async def _load_heads(
    connection: AnyConnection, books: Books, wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], Account | None]:
    """Fill in states; returns the account whose lock guards each stream, if one does."""
    guards: dict[tuple[str, str], Account | None] = {}
    for row in await connection.fetch(_HEADS, *columns(list(wanted), "tt")):
        tenant, stream_id, account_id = row["tenant"], row["stream_id"], row["account_id"]
        book = books[tenant]
        book.states[stream_id] = decode_state(stream_id, row["state"])
        book.versions[stream_id] = row["version"]
        guards[tenant, stream_id] = None if account_id is None else (tenant, account_id)
    return guards


def _check_locks(
    guards: dict[tuple[str, str], Account | None],
    envelopes: Sequence[Envelope],
    accounts: Sequence[Account | None],
    locked: Mapping[Account, AccountHead],
) -> None:
    """Raises StreamMoved when an account, or a stream of one, was made after the locks."""
    for envelope, account in zip(envelopes, accounts, strict=True):
        guard = guards.get((envelope.tenant, _stream(envelope)))
        made = (
            guard is not None
            if account is None
            else account not in locked and (account in guards or guard == account)
        )
        if made:
            raise StreamMoved(f"{_stream(envelope)} was made after the locks were had")


async def _load_prices(
    connection: AnyConnection, books: Books, envelopes: Sequence[Envelope]
) -> None:
    wanted: set[tuple[str, str, str, str]] = set()
    for envelope in envelopes:
        command, needs = envelope.command, BY_COMMAND[type(envelope.command)].needs
        if isinstance(command, CaptureCharge) and command.unit_price is None:
            for facility in (command.facility, ANY_FACILITY):
                wanted.add((envelope.tenant, facility, command.code, command.currency))
        elif Needs.WINDOWS in needs:
            wanted |= {(envelope.tenant, *price_key(price)) for price in command.prices}
    if not wanted:
        return
    for row in await connection.fetch(_PRICES, *columns(sorted(wanted), "tttt")):
        windows = books[row["tenant"]].prices.windows
        windows.setdefault((row["facility"], row["code"], row["currency"]), []).append(
            EffectivePrice(
                row["valid_from"], row["valid_to"], row["amount_minor"], row["price_list_id"]
            )
        )
