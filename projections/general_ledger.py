"""Every posting in the order of the log, and what was turned over on each day: by facility,
GL account and currency.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any, Final

from contracts.columns import columns
from contracts.event import Posted
from contracts.ids import event_id
from contracts.ledger import GlAccount
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql

VERSION: Final = 3

Balances = dict[tuple[str, str], int]

_BALANCES: Final = sql("general_ledger_balances")
_ADD_TOTALS: Final = sql("general_ledger_totals_add")
_TRANSACTION: Final = (
    "position",
    "tenant",
    "transaction_id",
    "type",
    "account_id",
    "facility",
    "currency",
    "effective_on",
    "booked_on",
    "recorded_at",
)
_ENTRY: Final = (*_TRANSACTION, "line", "gl_account", "amount_minor", "balance_minor")
# Looking a member up on its Enum costs as much as the rest of a line.
_RECEIVABLE: Final = GlAccount.RECEIVABLE
_CUSTOMER_CREDIT: Final = GlAccount.CUSTOMER_CREDIT
_SPECIAL: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


async def apply(batch: Sequence[Recorded], connection: AnyConnection) -> None:
    """Add the postings of a batch."""
    posted = [
        (recorded, recorded.event)
        for recorded in batch
        if isinstance(recorded.event, Posted) and recorded.event.postings
    ]
    if not posted:
        return
    lines = _lines(posted, await _balances(posted, connection))
    # COPY as text, since most of a batch ends here: half the cost of the driver's own encoding.
    await connection.copy_to_table("general_ledger_entries", source=_chunk(lines), columns=_ENTRY)
    await connection.execute(_ADD_TOTALS, *columns(_totals(posted), "ttttdnnn"))


async def _chunk(lines: list[str]) -> AsyncIterator[bytes]:
    """Lines as asyncpg sends them without a thread, which it would read a file in."""
    yield "".join(lines).encode()


async def _balances(
    posted: Sequence[tuple[Recorded, Posted]], connection: AnyConnection
) -> Balances:
    """Each account's balance before the batch."""
    accounts = {(recorded.tenant, event.account_id) for recorded, event in posted}
    rows = await connection.fetch(_BALANCES, *columns(list(accounts), "tt"))
    return {(tenant, account_id): int(balance_minor) for tenant, account_id, balance_minor in rows}


def _lines(posted: Sequence[tuple[Recorded, Posted]], balances: Balances) -> list[str]:
    """A line of COPY's text format for every posting."""
    lines = []
    for recorded, event in posted:
        key = (recorded.tenant, event.account_id)
        balance_minor = balances.get(key, 0)
        transaction = _transaction(recorded, event)
        for line, posting in enumerate(event.postings, 1):
            gl_account, amount_minor = posting.gl_account, posting.amount_minor
            # What the customer owes us, less what we owe the customer.
            if gl_account is _RECEIVABLE or gl_account is _CUSTOMER_CREDIT:
                balance_minor += amount_minor
            lines.append(f"{transaction}\t{line}\t{gl_account}\t{amount_minor}\t{balance_minor}\n")
        balances[key] = balance_minor
    return lines


def _transaction(recorded: Recorded, event: Posted) -> str:
    """The columns that the lines of a transaction share, as COPY reads them."""
    values = (
        str(recorded.position),
        recorded.tenant,
        event_id(recorded.stream_id, recorded.version),
        recorded.type,
        event.account_id,
        event.facility,
        event.currency,
        event.effective_on.isoformat(),
        event.booked_on.isoformat(),
        recorded.recorded_at.isoformat(),
    )
    text = "\t".join(values)
    if text.count("\t") == len(values) - 1 and not ("\\" in text or "\n" in text or "\r" in text):
        return text
    return "\t".join(value.translate(_SPECIAL) for value in values)


def _totals(posted: Sequence[tuple[Recorded, Posted]]) -> list[tuple[Any, ...]]:
    totals: dict[tuple[str, str, GlAccount, str, date], list[int]] = {}
    for recorded, event in posted:
        tenant, facility = recorded.tenant, event.facility
        currency, booked_on = event.currency, event.booked_on
        for posting in event.postings:
            key = (tenant, facility, posting.gl_account, currency, booked_on)
            total = totals.get(key)
            if total is None:
                total = totals[key] = [0, 0, 0]
            amount_minor = posting.amount_minor
            if amount_minor > 0:
                total[0] += amount_minor
            else:
                total[1] -= amount_minor
            total[2] += 1
    return [(*key, *total) for key, total in totals.items()]
