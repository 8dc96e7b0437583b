"""From streams that have changed to the resources that show them, as of what the log has."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from typing import Any, Final

import asyncpg

from contracts.account import AccountOpened, AccountReinstated, AccountSuspended
from contracts.catalogue import decode, wire_type
from contracts.charge import ChargeCaptured, ChargeReversed, ChargeTaxTruedUp
from contracts.event import Event
from contracts.invoice import (
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceLinesAdded,
    InvoicePaid,
    InvoiceVoided,
)
from contracts.money import Money
from contracts.payment import PaymentFailed, PaymentInitiated, PaymentPosted
from services.fhir.showing import (
    Context,
    Seen,
    Shown,
    show_account,
    show_charge,
    show_invoice,
    show_payment,
)
from services.tenant_view import tenant_view

SHOWN: Final[tuple[type[Event], ...]] = (
    *(AccountOpened, AccountSuspended, AccountReinstated),
    *(ChargeCaptured, ChargeReversed, ChargeTaxTruedUp),
    *(InvoiceDrafted, InvoiceLinesAdded, InvoiceIssued, InvoicePaid, InvoiceVoided),
    *(PaymentInitiated, PaymentPosted, PaymentFailed),
)
"""The events that are seen in a resource; no other is looked at."""
TYPES: Final = tuple(wire_type(shape) for shape in SHOWN)
# What happens to its charges happens with these.
_OF_LINES: Final = frozenset((wire_type(InvoiceIssued), wire_type(InvoiceVoided)))
_STREAMS_MAX: Final = 200
_AT_ONCE_MAX: Final = 100
_SEEN: Final = (files("services.fhir") / "sql" / "seen.sql").read_text()

Streams = dict[str, list[Seen]]


class Mirror:
    """Reads the log; the pool acts as daybook_writer or daybook_reader."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def show(self, tenant: str, changed: Mapping[str, Collection[str]]) -> list[Shown]:
        """The resources of streams that had events of these types, in the order of the log.

        What is not in the log yet is not in them: its own event comes later. Raises asyncpg's
        errors.
        """
        streams = await self._load(tenant, changed)
        invoices = {id_: seen for id_, seen in streams.items() if id_.startswith("inv_")}
        of_lines = {id_: seen for id_, seen in invoices.items() if _OF_LINES & {*changed[id_]}}
        asked = _charges(seen for id_, seen in invoices.items() if id_ in of_lines or _lacks(seen))
        charges = await self._load(tenant, asked - streams.keys())
        accounts = {str(seen[0].event.account_id) for seen in streams.values()}  # type: ignore[attr-defined]  # all of SHOWN are an account's
        owners = streams | await self._load(tenant, accounts - streams.keys())
        on = {id_: invoice for invoice, seen in of_lines.items() for id_ in _charges([seen])}
        shown: list[Shown | None] = []
        for id_, seen in (streams | {id_: charges[id_] for id_ in on if id_ in charges}).items():
            context = _context(tenant, owners, seen)
            if context is not None:
                if not len(shown) % _AT_ONCE_MAX:
                    await asyncio.sleep(0)  # others of this event loop have their turn
                cause = on.get(id_)
                one = _show(context, id_, seen, of_lines.get(cause or "", ()), streams | charges)
                shown.append(one and one._replace(cause=cause))
        return sorted((each for each in shown if each), key=lambda each: each.position)

    async def _load(self, tenant: str, stream_ids: Iterable[str]) -> Streams:
        wanted, found = sorted(stream_ids), defaultdict(list)
        for start in range(0, len(wanted), _STREAMS_MAX):
            asked = wanted[start : start + _STREAMS_MAX]
            async with tenant_view(self._pool, tenant, readonly=True) as connection:
                rows = await connection.fetch(_SEEN, tenant, asked, TYPES)
            for row in rows:
                event = decode(row["type"], row["body"])
                found[row["stream_id"]].append(Seen(row["position"], row["recorded_at"], event))
        return dict(found)


def _context(tenant: str, owners: Streams, seen: list[Seen]) -> Context | None:
    account_id: Any = seen[0].event.account_id  # type: ignore[attr-defined]  # as above
    for each in owners.get(account_id, ()):
        if isinstance(each.event, AccountOpened):
            return Context(tenant, each.event.patient_id)
    return None


def _show(
    context: Context, id_: str, seen: list[Seen], invoice: Collection[Seen], streams: Streams
) -> Shown | None:
    match id_.partition("_")[0]:
        case "acc":
            return show_account(context, id_, seen)
        case "chg":
            return show_charge(context, id_, seen, [*invoice])
        case "inv":
            return show_invoice(context, id_, seen, _taxes(streams, _charges([seen])))
        case "pay":
            return show_payment(context, id_, seen)
    return None


def _charges(invoices: Iterable[list[Seen]]) -> set[str]:
    return {
        line.charge_id
        for seen in invoices
        for each in seen
        if isinstance(each.event, InvoiceDrafted | InvoiceLinesAdded)
        for line in each.event.lines
    }


def _lacks(seen: list[Seen]) -> bool:
    """Whether the final tax of an invoice is another than that of its lines as drafted."""
    taxes = [each.event.tax for each in seen if isinstance(each.event, InvoiceDrafted)]
    final = [each.event.tax for each in seen if isinstance(each.event, InvoiceIssued)]
    return bool(taxes and final and taxes != final)


def _taxes(streams: Streams, charge_ids: Iterable[str]) -> dict[str, Money]:
    return {
        id_: each.event.tax
        for id_ in charge_ids
        for each in streams.get(id_, ())
        if isinstance(each.event, ChargeTaxTruedUp)
    }
