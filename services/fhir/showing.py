"""What our events look like as FHIR resources: pure functions of a stream's events, in order."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from contracts.account import AccountOpened, AccountReinstated, AccountSuspended
from contracts.charge import ChargeCaptured, ChargeReversed, ChargeTaxTruedUp
from contracts.event import Event
from contracts.invoice import (
    InvoiceDrafted,
    InvoiceIssued,
    InvoiceLine,
    InvoiceLinesAdded,
    InvoicePaid,
    InvoiceVoided,
)
from contracts.money import Money
from contracts.payment import PaymentFailed, PaymentInitiated, PaymentPosted
from services.fhir.naming import EXTENSION, POSITION, identifier, reference, system_of

_ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PAYMENT: Final = "http://terminology.hl7.org/CodeSystem/payment-type"
_CODE: Final = re.compile(r"[^\s]+(\s[^\s]+)*")
_URI: Final = re.compile(r"\S+")


class Seen(NamedTuple):
    """An event of the log."""

    position: int
    recorded_at: datetime
    event: Event


class Shown(NamedTuple):
    """A resource as it is to be on the server; what is there of a later position stays."""

    type: str
    value: str
    """Of its identifier: the ledger's id."""
    position: int
    resource: dict[str, Any]
    cause: str | None = None
    """Of a charge that is shown with its invoice: the invoice, which has to be asked again, too."""


class Context(NamedTuple):
    """Where a stream belongs: its tenant, and who its account is of."""

    tenant: str
    patient_id: str

    def ref(self, type_: str, value: str) -> dict[str, Any]:
        return reference(self.tenant, type_, value)

    @property
    def patient(self) -> dict[str, Any]:
        return self.ref("Patient", self.patient_id)


def show_account(context: Context, account_id: str, seen: Sequence[Seen]) -> Shown | None:
    """An Account; None without its opening."""
    opened = _last(seen, AccountOpened)
    if opened is None:
        return None
    held = _last(seen, AccountSuspended, AccountReinstated)
    return _shown(context, "Account", account_id, seen, {
        "status": "on-hold" if isinstance(held, AccountSuspended) else "active",
        "type": {"coding": [{"system": _ACT, "code": "PBILLACCT"}]},
        "subject": [context.patient],
        "owner": context.ref("Organization", opened.facility),
    }, currency=opened.currency)  # fmt: skip


def show_charge(
    context: Context, charge_id: str, seen: Sequence[Seen], invoice: Sequence[Seen] = ()
) -> Shown | None:
    """A ChargeItem; `invoice` is the stream of the one that it is on, where that is known."""
    captured = _last(seen, ChargeCaptured)
    if captured is None:
        return None
    entered = next(each for each in seen if each.event is captured).recorded_at
    price = {} if captured.price_list_id else {"overrideReason": "stated by the caller"}
    encounter = captured.encounter_id
    return _shown(context, "ChargeItem", charge_id, [*seen, *invoice], {
        "status": _charge_status(seen, invoice),
        "code": _code(captured),
        "subject": context.patient,
        **({"context": context.ref("Encounter", encounter)} if encounter else {}),
        "occurrenceDateTime": captured.effective_on.isoformat(),
        "performingOrganization": context.ref("Organization", captured.facility),
        "quantity": {"value": captured.quantity},
        "priceOverride": _money(captured.net),
        **price,
        "enteredDate": _instant(entered),
        "account": [context.ref("Account", captured.account_id)],
    }, **{f"modifier-{n}": each for n, each in enumerate(captured.modifiers, 1)})  # fmt: skip


def _charge_status(seen: Sequence[Seen], invoice: Sequence[Seen]) -> str:
    if _last(seen, ChargeReversed) or _last(invoice, InvoiceVoided):
        return "aborted"
    # It is trued up as its invoice is issued, and at no other time.
    if _last(seen, ChargeTaxTruedUp) or _last(invoice, InvoiceIssued):
        return "billed"
    return "billable"


def show_invoice(
    context: Context, invoice_id: str, seen: Sequence[Seen], taxes: Mapping[str, Money]
) -> Shown | None:
    """An Invoice; `taxes` are the final ones of charges that were trued up. None without totals."""
    total = _last(seen, InvoiceIssued) or _last(seen, InvoiceDrafted)
    if total is None:
        return None
    issued = total if isinstance(total, InvoiceIssued) else None
    lines = [
        line
        for each in seen
        if isinstance(each.event, InvoiceDrafted | InvoiceLinesAdded)
        for line in each.event.lines
    ]
    return _shown(context, "Invoice", invoice_id, seen, {
        "status": _invoice_status(seen),
        "subject": context.patient,
        **({"date": issued.issued_on.isoformat()} if issued else {}),
        "issuer": context.ref("Organization", total.facility),
        "account": context.ref("Account", total.account_id),
        **({"lineItem": [_line(context, n, line, taxes) for n, line in enumerate(lines, 1)]}
           if lines else {}),
        "totalNet": _money(total.net),
        "totalGross": _money(total.total),
        **({"paymentTerms": f"due on {issued.due_on.isoformat()}"} if issued else {}),
    }, number=issued.number if issued else None)  # fmt: skip


def _invoice_status(seen: Sequence[Seen]) -> str:
    if _last(seen, InvoiceVoided):
        return "cancelled"
    if _last(seen, InvoicePaid):
        return "balanced"
    return "issued" if _last(seen, InvoiceIssued) else "draft"


def _line(
    context: Context, number: int, line: InvoiceLine, taxes: Mapping[str, Money]
) -> dict[str, Any]:
    tax = taxes.get(line.charge_id, line.tax)
    parts = [{"type": "base", "amount": _money(line.net)}]
    if tax.minor:
        parts.append({"type": "tax", "amount": _money(tax)})
    charge = context.ref("ChargeItem", line.charge_id)
    return {"sequence": number, "chargeItemReference": charge, "priceComponent": parts}


def show_payment(context: Context, payment_id: str, seen: Sequence[Seen]) -> Shown | None:
    """A PaymentReconciliation: begun, failed, or posted with what it settled."""
    posted, failed = _last(seen, PaymentPosted), _last(seen, PaymentFailed)
    begun = _last(seen, PaymentInitiated)
    payment = posted or begun or failed
    if payment is None:
        return None
    first = seen[0].recorded_at
    paid_on: date = posted.booked_on if posted else first.astimezone(UTC).date()
    named = (posted or begun).reference if (posted or begun) else None
    outcome = "complete" if posted else "error" if failed else "queued"
    return _shown(context, "PaymentReconciliation", payment_id, seen, {
        "status": "cancelled" if outcome == "error" else "active",
        "created": _instant(first),
        "outcome": outcome,
        **({"disposition": failed.code} if failed and not posted else {}),
        "paymentDate": paid_on.isoformat(),
        "paymentAmount": _money(payment.amount),
        **({"paymentIdentifier": {"system": system_of(context.tenant, "payment-reference"),
                                  "value": named}} if named else {}),
        **_settled(context, posted),
    })  # fmt: skip


def _settled(context: Context, posted: PaymentPosted | None) -> dict[str, Any]:
    if posted is None or not posted.allocations:
        return {}
    kind = {"coding": [{"system": _PAYMENT, "code": "payment"}]}
    return {
        "detail": [
            {
                "type": kind,
                "request": context.ref("Invoice", each.invoice_id),
                "date": posted.booked_on.isoformat(),
                "amount": _money(each.amount),
            }
            for each in posted.allocations
        ]
    }


def _shown(
    context: Context,
    type_: str,
    value: str,
    seen: Sequence[Seen],
    fields: Mapping[str, Any],
    **said: str | None,
) -> Shown:
    position = max(each.position for each in seen)
    own = identifier(context.tenant, type_, value)
    number = said.pop("number", None)
    numbered = {"system": system_of(context.tenant, "invoice-number"), "value": number}
    extensions = [{"url": POSITION, "valueString": str(position)}]
    extensions += [
        {"url": EXTENSION + name.rstrip("-0123456789"), "valueString": text}
        for name, text in said.items()
        if text
    ]
    resource = {
        "resourceType": type_,
        "extension": extensions,
        "identifier": [own, numbered] if number else [own],
        **fields,
    }
    return Shown(type_, value, position, resource)


def _code(captured: ChargeCaptured) -> dict[str, Any]:
    """What no code of FHIR could be is shown as a text."""
    if not _CODE.fullmatch(captured.code) or not _URI.fullmatch(captured.system):
        return {"text": f"{captured.system} {captured.code}"}
    return {"coding": [{"system": captured.system, "code": captured.code}]}


def _money(money: Money) -> dict[str, Any]:
    return {"value": Decimal(money.amount), "currency": money.currency}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _last(seen: Sequence[Seen], *shapes: type[Event]) -> Any:
    """The latest event of these shapes."""
    return next((each.event for each in reversed(seen) if isinstance(each.event, shapes)), None)
