"""What an invoice on paper is made from, read for the API and the command line alike."""

from typing import NamedTuple

from contracts.charge import ChargeCaptured
from contracts.views import AccountBalance, InvoiceDetail
from projections.account_balances_queries import find_account
from projections.charges_queries import find_charges
from projections.invoices_queries import find_invoice
from projections.statements import AnyConnection


class InvoiceParts(NamedTuple):
    """An invoice, the account that owes it and what was charged."""

    detail: InvoiceDetail
    account: AccountBalance
    charges: dict[str, ChargeCaptured]


async def find_invoice_parts(connection: AnyConnection, invoice_id: str) -> InvoiceParts | None:
    """All of an invoice, for a connection that reads one tenant; None: this tenant has none such.

    An invoice whose account the read models do not show yet is not there yet either.
    """
    detail = await find_invoice(connection, invoice_id)
    if detail is None:
        return None
    account = await find_account(connection, detail.invoice.account_id)
    if account is None:
        return None
    charges = await find_charges(connection, (line.charge_id for line in detail.lines))
    return InvoiceParts(detail, account, charges)
