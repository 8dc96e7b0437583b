"""Queries about accounts, for a connection that reads one tenant (`daybook.tenants`)."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec

from contracts.aging import AccountAging
from contracts.money import Money
from contracts.private import Private
from contracts.views import AccountBalance, AccountPage
from projections.aging_rows import LocalDates, buckets
from projections.cursor import decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_PAGE: Final = sql("account_balances_page")
_EXISTS: Final = (
    "SELECT true FROM read.account_balances"
    " WHERE tenant = current_setting('daybook.tenants') AND account_id = $1"
)
_CURSOR: Final = "accounts"
_encode: Final = msgspec.json.Encoder().encode
_decode_name: Final = msgspec.json.Decoder(Private).decode


async def find_account(
    connection: AnyConnection, account_id: str, *, today: LocalDates | None = None
) -> AccountBalance | None:
    """One account, or None when this tenant has no such one."""
    rows = await connection.fetch(_PAGE, "", 1, None, account_id, *_dates(today))
    return _account(rows[0]) if rows else None


async def has_account(connection: AnyConnection, account_id: str) -> bool:
    """Whether this tenant has such an account."""
    return bool(await connection.fetchval(_EXISTS, account_id))


async def find_accounts(
    connection: AnyConnection,
    *,
    today: LocalDates | None = None,
    patient_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> AccountPage:
    """Accounts by id, of one patient if named (one a currency); raises CursorInvalid."""
    after = decode_cursor(_CURSOR, cursor, str)[0] if cursor else ""
    size = page_size(limit)
    rows = await connection.fetch(_PAGE, after, size + 1, patient_id, None, *_dates(today))
    return _page(rows, size)


def _dates(today: LocalDates | None) -> tuple[date | None, str]:
    """The date that ages count to, and those of facilities as JSON; UTC's if none is given."""
    return (None, "{}") if today is None else (today.elsewhere, _encode(today.at).decode())


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
        aging=AccountAging(as_of=row["as_of"], **buckets(row, currency)),
        version=row["version"],
        position=row["position"],
    )
