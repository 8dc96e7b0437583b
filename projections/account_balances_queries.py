"""Queries about accounts, for a connection that reads one tenant (`daybook.tenants`)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.money import Money
from contracts.private import Private
from contracts.views import AccountBalance, AccountPage
from projections.cursor import decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_ONE: Final = sql("account_balances_one")
_PAGE: Final = sql("account_balances_page")
_CURSOR: Final = "accounts"
_decode_name: Final = msgspec.json.Decoder(Private).decode


async def find_account(connection: AnyConnection, account_id: str) -> AccountBalance | None:
    """One account, or None when this tenant has no such one."""
    row = await connection.fetchrow(_ONE, account_id)
    return None if row is None else _account(row)


async def find_accounts(
    connection: AnyConnection,
    *,
    patient_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> AccountPage:
    """Accounts by id, of one patient if named (one a currency); raises CursorInvalid."""
    after = decode_cursor(_CURSOR, cursor, str)[0] if cursor else ""
    size = page_size(limit)
    return _page(await connection.fetch(_PAGE, after, size + 1, patient_id), size)


def _page(rows: Sequence[Any], size: int) -> AccountPage:
    items = tuple(_account(row) for row in rows[:size])
    more = len(rows) > size
    return AccountPage(
        items=items, cursor=encode_cursor(_CURSOR, items[-1].account_id) if more else None
    )


def _account(row: Any) -> AccountBalance:
    currency = row["currency"]
    receivable_minor, credit_minor = int(row["receivable_minor"]), int(row["credit_minor"])
    return AccountBalance(
        account_id=row["account_id"],
        patient_id=row["patient_id"],
        name=_decode_name(row["name"]) if row["name"] else None,
        facility=row["facility"],
        currency=currency,
        language=row["language"],
        status=row["status"],
        balance=Money.of(receivable_minor - credit_minor, currency),
        receivable=Money.of(receivable_minor, currency),
        credit=Money.of(credit_minor, currency),
        charged=Money.of(int(row["charged_minor"]), currency),
        paid=Money.of(int(row["paid_minor"]), currency),
        adjusted=Money.of(int(row["adjusted_minor"]), currency),
        refunded=Money.of(int(row["refunded_minor"]), currency),
        open_charges=row["open_charges"],
        version=row["version"],
        position=row["position"],
    )
