"""Statements of accounts, of many at once, for a connection that reads one tenant.

Balances come from the ledger, ages from the invoices: what no invoice asks for yet is not due.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from contracts.adjustment import AdjustmentApplied, AdjustmentReason
from contracts.catalogue import decode
from contracts.charge import ChargeCaptured
from contracts.event import Event
from contracts.ids import EventId, split_event_id
from contracts.money import Money
from contracts.payment import PaymentMethod, PaymentPosted
from contracts.private import Private
from contracts.statement_views import AccountStatement, StatementAgeing, StatementLine
from projections.statements import AnyConnection, sql

_STATEMENTS: Final = sql("account_statements")
_EVENTS: Final = (
    "SELECT e.stream_id, e.version, e.type, e.body"
    " FROM unnest($1::text[], $2::bigint[]) AS w (stream_id, version)"
    " JOIN daybook.events e ON e.tenant = current_setting('daybook.tenants')"
    " AND e.stream_id = w.stream_id AND e.version = w.version"
)
_decode_name: Final = msgspec.json.Decoder(Private).decode


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    position: int
    transaction_id: EventId
    type: str
    booked_on: date
    effective_on: date
    amount_minor: int


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an event tells its customer beyond its amount."""

    code: str | None = None
    quantity: int | None = None
    method: PaymentMethod | None = None
    reason: AdjustmentReason | None = None
    reference: str | None = None


_decode_lines: Final = msgspec.json.Decoder(list[_Line]).decode
_NOTHING: Final = _Told()


async def find_statements(
    connection: AnyConnection, account_ids: Sequence[str], first_on: date, last_on: date
) -> list[AccountStatement]:
    """Statements in the order of the accounts; one that does not exist has none.

    All of it in two statements, however many accounts there are; the second reads the events of
    the lines, which never change. A StatementRun asks for a page of accounts at a time.
    """
    rows = await connection.fetch(_STATEMENTS, list(account_ids), first_on, last_on)
    lines = [_decode_lines(row["lines"]) for row in rows]
    told = await _told(connection, (line.transaction_id for part in lines for line in part))
    return [
        _statement(row, part, told, first_on, last_on)
        for row, part in zip(rows, lines, strict=True)
    ]


async def find_statement(
    connection: AnyConnection, account_id: str, first_on: date, last_on: date
) -> AccountStatement | None:
    """The statement of one account, or None when this tenant has no such one."""
    found = await find_statements(connection, [account_id], first_on, last_on)
    return found[0] if found else None


async def _told(connection: AnyConnection, events: Iterable[EventId]) -> dict[EventId, _Told]:
    names = [split_event_id(event) for event in events]
    if not names:
        return {}
    rows = await connection.fetch(_EVENTS, *map(list, zip(*names, strict=True)))
    return {
        EventId(f"{row['stream_id']}-{row['version']}"): _of(decode(row["type"], row["body"]))
        for row in rows
    }


def _of(event: Event) -> _Told:
    match event:
        case ChargeCaptured():
            return _Told(code=event.code, quantity=event.quantity)
        case PaymentPosted():
            return _Told(method=event.method, reference=event.reference)
        case AdjustmentApplied():
            return _Told(reason=event.reason)
        case _:
            # Whatever else books and has a number or a reference shows it.
            found = getattr(event, "number", None) or getattr(event, "reference", None)
            return _Told(reference=found) if isinstance(found, str) else _NOTHING


def _statement(
    row: Any, lines: Sequence[_Line], told: dict[EventId, _Told], first_on: date, last_on: date
) -> AccountStatement:
    currency, opening_minor = row["currency"], int(row["opening_minor"])
    amounts = [line.amount_minor for line in lines]
    return AccountStatement(
        account_id=row["account_id"],
        patient_id=row["patient_id"],
        name=_decode_name(row["name"]) if row["name"] else None,
        facility=row["facility"],
        currency=currency,
        language=row["language"],
        first_on=first_on,
        last_on=last_on,
        opening=Money.of(opening_minor, currency),
        charged=Money.of(sum(amount for amount in amounts if amount > 0), currency),
        credited=Money.of(-sum(amount for amount in amounts if amount < 0), currency),
        closing=Money.of(opening_minor + sum(amounts), currency),
        due_on=row["due_on"],
        lines=_lines(lines, told, opening_minor, currency),
        ageing=_ageing(row),
        version=row["version"],
        position=row["position"],
    )


def _lines(
    lines: Sequence[_Line], told: dict[EventId, _Told], opening_minor: int, currency: str
) -> tuple[StatementLine, ...]:
    made, balance_minor = [], opening_minor
    for line in lines:
        balance_minor += line.amount_minor
        more = told.get(line.transaction_id, _NOTHING)
        made.append(
            StatementLine(
                position=line.position,
                transaction_id=line.transaction_id,
                type=line.type,
                booked_on=line.booked_on,
                effective_on=line.effective_on,
                code=more.code,
                quantity=more.quantity,
                method=more.method,
                reason=more.reason,
                reference=more.reference,
                amount=Money.of(line.amount_minor, currency),
                balance=Money.of(balance_minor, currency),
            )
        )
    return tuple(made)


def _ageing(row: Any) -> StatementAgeing:
    """Ages that less the credit sum to the balance: what is on no invoice yet is not due."""
    currency = row["currency"]
    late = {
        name: int(row[f"{name}_minor"])
        for name in ("days_1_30", "days_31_60", "days_61_90", "days_over_90")
    }
    current_minor = int(row["receivable_minor"]) - sum(late.values())
    return StatementAgeing(
        current=Money.of(current_minor, currency),
        credit=Money.of(int(row["credit_minor"]), currency),
        **{name: Money.of(minor, currency) for name, minor in late.items()},
    )
