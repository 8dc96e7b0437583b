"""Queries of the ledger, for a connection that reads one tenant (`daybook.tenants`)."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from contracts.ids import AccountId
from contracts.ledger import GL_NAMES, GlAccount
from contracts.money import Money, format_minor
from contracts.views import (
    AccountLedger,
    LedgerLine,
    TrialBalance,
    TrialBalanceRow,
    TrialBalanceTotal,
)
from projections.cursor import decode_cursor, encode_cursor, page_size
from projections.statements import AnyConnection, sql

_ACCOUNT: Final = sql("general_ledger_of_account")
_TRIAL_BALANCE: Final = sql("general_ledger_trial_balance")
_CURSOR: Final = "ledger"


async def account_ledger(
    connection: AnyConnection, account_id: str, *, cursor: str | None = None, limit: int = 100
) -> AccountLedger:
    """A page of what a customer was charged, paid and was credited, oldest first.

    The balance after each line is receivable less credit. An account that does not exist has no
    line. Raises CursorInvalid.
    """
    after = decode_cursor(_CURSOR, cursor, int, int) if cursor else (0, 0)
    size = page_size(limit)
    rows = await connection.fetch(_ACCOUNT, account_id, *after, size + 1)
    items = tuple(_line(row) for row in rows[:size])
    last = items[-1] if len(rows) > size else None
    return AccountLedger(
        account_id=AccountId(account_id),
        items=items,
        cursor=encode_cursor(_CURSOR, last.position, last.line) if last else None,
    )


async def trial_balance(
    connection: AnyConnection,
    *,
    booked_from: date | None = None,
    booked_to: date | None = None,
    facility: str | None = None,
) -> TrialBalance:
    """What was debited and credited by account and currency, in a period of posting dates.

    Both days are inclusive; a transaction is of one facility, so each one's books balance too.
    """
    rows = await connection.fetch(_TRIAL_BALANCE, booked_from, booked_to, facility)
    return TrialBalance(
        booked_from=booked_from,
        booked_to=booked_to,
        rows=tuple(_trial_row(row) for row in rows if row["gl_account"] is not None),
        totals=_totals(rows),
        position=rows[0]["checkpoint"],
    )


def _line(row: Any) -> LedgerLine:
    currency = row["currency"]
    gl_account = GlAccount(row["gl_account"])
    return LedgerLine(
        position=row["position"],
        line=row["line"],
        transaction_id=row["transaction_id"],
        type=row["type"],
        gl_account=gl_account,
        name=GL_NAMES[gl_account],
        facility=row["facility"],
        amount=Money.of(row["amount_minor"], currency),
        balance=Money.of(int(row["balance_minor"]), currency),
        effective_on=row["effective_on"],
        booked_on=row["booked_on"],
        recorded_at=row["recorded_at"],
    )


def _trial_row(row: Any) -> TrialBalanceRow:
    currency, debit_minor, credit_minor = row["currency"], int(row["debit"]), int(row["credit"])
    gl_account = GlAccount(row["gl_account"])
    return TrialBalanceRow(
        gl_account=gl_account,
        name=GL_NAMES[gl_account],
        currency=currency,
        debit=format_minor(debit_minor, currency),
        credit=format_minor(credit_minor, currency),
        balance=format_minor(debit_minor - credit_minor, currency),
    )


def _totals(rows: Sequence[Any]) -> dict[str, TrialBalanceTotal]:
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row["gl_account"] is not None:
            debit_minor, credit_minor = sums.get(row["currency"], (0, 0))
            sums[row["currency"]] = (
                debit_minor + int(row["debit"]),
                credit_minor + int(row["credit"]),
            )
    return {
        currency: TrialBalanceTotal(
            currency=currency,
            debit=format_minor(debit_minor, currency),
            credit=format_minor(credit_minor, currency),
            balance=format_minor(debit_minor - credit_minor, currency),
        )
        for currency, (debit_minor, credit_minor) in sums.items()
    }
