"""Charges: a service priced, taxed and booked on an account, and taken back once.

What is on an invoice, be it a draft, is not taken back alone: voiding the invoice does it.
"""

from datetime import date

import msgspec

from contracts.charge import (
    QUANTITY_MAX,
    ChargeCaptured,
    ChargeReversed,
    ChargeTaxTruedUp,
    CodeStatus,
    PriceSource,
)
from contracts.ids import AccountId, ChargeId, EncounterId, PriceListId
from contracts.money import MINOR_MAX, Money, format_minor
from contracts.private import Private
from domain import ledger
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import (
    AccountSuspended,
    AlreadyExists,
    ChargeNotOpen,
    CodeInvalid,
    CodeUnverified,
    CurrencyUnsupported,
    Invalid,
    NotFound,
    PriceNotFound,
)
from domain.tax import tax_minor
from domain.write_side import AccountHead, AccountStatus, ItemKind


class CodeRefused(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a code before the charge came to be decided: it is not to be charged.

    `is_open` means that whoever knows could not be asked.
    """

    detail: str
    is_open: bool = False


class CaptureCharge(msgspec.Struct, frozen=True, kw_only=True):
    """Charge a service to an account, at a stated price or by the price list."""

    charge_id: ChargeId
    account_id: AccountId
    facility: str
    code: str
    system: str
    quantity: int
    service_on: date
    currency: str
    modifiers: tuple[str, ...] = ()
    unit_price: Money | None = None
    encounter_id: EncounterId | None = None
    reference: str | None = None
    code_status: CodeStatus = CodeStatus.UNCHECKED
    code_refused: CodeRefused | None = None


class ReverseCharge(msgspec.Struct, frozen=True, kw_only=True):
    """Take a charge back that is on no invoice."""

    charge_id: ChargeId
    account_id: AccountId
    reason: Private


ChargeCommand = CaptureCharge | ReverseCharge


class Asked(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What else was asked for: it tells a repeat from another charge under the same id."""

    facility: str
    currency: str
    system: str
    modifiers: tuple[str, ...]
    stated_minor: int | None
    encounter_id: EncounterId | None
    reference: str | None


class Captured(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="captured"):
    """A charge as invoices need it."""

    account_id: AccountId
    code: str
    quantity: int
    service_on: date
    net_minor: int
    tax_minor: int
    asked: Asked | None = None  # not in states that older releases stored
    trued_up_minor: int = 0
    """Of the tax, what the issue of its invoice booked, at the invoice's facility."""


class Reversed(Captured, frozen=True, kw_only=True, omit_defaults=True, tag="reversed"):
    """A charge that was taken back. The reason, sealed, tells a repeat."""

    reason: Private


ChargeState = Captured | Reversed
ChargeEvent = ChargeCaptured | ChargeReversed | ChargeTaxTruedUp


def decide(command: ChargeCommand, book: Book) -> Decision:
    """Capture a charge once, and reverse it once while it is on no invoice."""
    match command, book.states.get(command.charge_id):
        case CaptureCharge(), None:
            return [(command.charge_id, _capture(command, book))]
        case CaptureCharge(), Captured(account_id=owner) if owner != command.account_id:
            raise AlreadyExists(f"charge {command.charge_id} is on another account")
        case CaptureCharge(), Captured() as captured if _is_repeat(command, captured):
            return []  # Capturing twice is a retry, not an error.
        case CaptureCharge(), _:
            raise AlreadyExists(
                f"charge {command.charge_id} was captured before, with other content: "
                "send this one under a key of its own"
            )
        case _, None:
            raise NotFound(f"there is no charge {command.charge_id}")
        case _, Captured(account_id=owner) if owner != command.account_id:
            raise NotFound(f"charge {command.charge_id} is not one of {command.account_id}")
        case _, Reversed(reason=known) if command.reason == known:
            return []  # The very same command again.
        case _, Reversed():
            raise ChargeNotOpen(f"charge {command.charge_id} was reversed already")
        case _, _ if book.item(command.account_id, ItemKind.CHARGE, command.charge_id) is None:
            raise ChargeNotOpen(
                f"charge {command.charge_id} is on an invoice: voiding that reverses it "
                "(a draft is issued first)"
            )
        case _, captured:
            return [(command.charge_id, _reverse(command, captured, book))]


def _is_repeat(command: CaptureCharge, known: Captured) -> bool:
    stated = command.unit_price
    asked = Asked(
        facility=command.facility,
        currency=command.currency,
        system=command.system,
        modifiers=command.modifiers,
        stated_minor=None if stated is None else stated.minor,
        encounter_id=command.encounter_id,
        reference=command.reference,
    )
    # The status of the code is not compared: it is what a terminology server said at the time. A
    # repeat is one whatever is said of its code by now.
    return (
        known.code == command.code
        and known.quantity == command.quantity
        and known.service_on == command.service_on
        and known.asked in (None, asked)
        and (stated is None or stated.currency == command.currency)
    )


def _capture(command: CaptureCharge, book: Book) -> ChargeCaptured:
    account = book.account(command.account_id)
    _check(command, account)
    unit_minor, price_list_id = _unit_price(command, book)
    net_minor = unit_minor * command.quantity
    rule = book.tax_rules.find(command.facility, command.code, command.service_on)
    taxed_minor = tax_minor(net_minor, rule.rate_ppm) if rule else 0
    currency = command.currency
    _check_total(net_minor + taxed_minor, currency)
    unit_price = Money.of(unit_minor, currency)
    net = unit_price if command.quantity == 1 else Money.of(net_minor, currency)
    return ChargeCaptured(
        charge_id=command.charge_id,
        account_id=command.account_id,
        facility=command.facility,
        currency=currency,
        effective_on=command.service_on,
        booked_on=book.today(command.facility),
        postings=ledger.within_balance(account, ledger.charge(net_minor, taxed_minor)),
        code=command.code,
        system=command.system,
        modifiers=command.modifiers,
        quantity=command.quantity,
        unit_price=unit_price,
        price_source=PriceSource.STATED if price_list_id is None else PriceSource.PRICE_LIST,
        price_list_id=price_list_id,
        net=net,
        tax=Money.of(taxed_minor, currency),
        total=Money.of(net_minor + taxed_minor, currency) if taxed_minor else net,
        tax_rate_ppm=rule.rate_ppm if rule else 0,
        tax_rule=rule.rule if rule else None,
        code_status=command.code_status,
        encounter_id=command.encounter_id,
        reference=command.reference,
    )


def _reverse(command: ReverseCharge, charge: Captured, book: Book) -> ChargeReversed:
    account = book.account(command.account_id)
    # A state that an older release stored does not have it; it was mostly the account's own.
    facility = charge.asked.facility if charge.asked else account.facility
    postings = ledger.reversal(charge.net_minor, charge.tax_minor)
    return ChargeReversed(
        charge_id=command.charge_id,
        account_id=command.account_id,
        facility=facility,
        currency=account.currency,
        # The day of the service, so that what counts for that day is as if it had not been.
        effective_on=charge.service_on,
        booked_on=book.today(facility),
        postings=ledger.within_balance(account, postings),
        reason=command.reason,
        net=Money.of(charge.net_minor, account.currency),
        tax=Money.of(charge.tax_minor, account.currency),
        total=Money.of(charge.net_minor + charge.tax_minor, account.currency),
    )


def _check(command: CaptureCharge, account: AccountHead) -> None:
    if account.status is AccountStatus.SUSPENDED:
        raise AccountSuspended(f"account {account.account_id} is suspended: no new charges")
    if command.code_refused is not None:
        refusal = CodeUnverified if command.code_refused.is_open else CodeInvalid
        raise refusal(command.code_refused.detail)
    if not 1 <= command.quantity <= QUANTITY_MAX:
        raise Invalid(f"quantity must be from 1 to {QUANTITY_MAX}")
    if len(set(command.modifiers)) != len(command.modifiers):
        raise Invalid("modifiers names one twice: name each once")
    if command.currency != account.currency:
        raise CurrencyUnsupported(
            f"account {account.account_id} is in {account.currency}, "
            f"the charge in {command.currency}"
        )


def _check_total(total_minor: int, currency: str) -> None:
    if total_minor > MINOR_MAX:
        most = format_minor(MINOR_MAX, currency)
        raise Invalid(f"quantity times unit price with tax is more than {most} {currency}")


def _unit_price(command: CaptureCharge, book: Book) -> tuple[int, PriceListId | None]:
    stated = command.unit_price
    if stated is not None:
        if stated.currency != command.currency:
            raise CurrencyUnsupported(
                f"the unit price is in {stated.currency}, the charge in {command.currency}"
            )
        if stated.minor < 0:
            raise Invalid("unit_price must not be negative: give money back with an adjustment")
        return stated.minor, None
    price = book.prices.find(command.facility, command.code, command.currency, command.service_on)
    if price is None:
        raise PriceNotFound(
            f"no price for code {command.code} at facility {command.facility} "
            f"in {command.currency} on {command.service_on}: publish one or state unit_price"
        )
    return price.amount_minor, PriceListId(price.price_list_id)


def evolve(state: ChargeState | None, event: ChargeEvent) -> ChargeState | None:
    """The charge after an event."""
    match event, state:
        case ChargeCaptured(), _:
            return _captured(event)
        case ChargeReversed(), Captured():
            return Reversed(
                **{name: getattr(state, name) for name in Captured.__struct_fields__},
                reason=event.reason,
            )
        case ChargeTaxTruedUp(), Captured():
            return msgspec.structs.replace(
                state,
                tax_minor=event.tax.minor,
                trued_up_minor=event.tax.minor - event.tax_before.minor,
            )
        case _:
            return state


def _captured(event: ChargeCaptured) -> Captured:
    stated = event.price_source is PriceSource.STATED
    return Captured(
        account_id=event.account_id,
        code=event.code,
        quantity=event.quantity,
        service_on=event.effective_on,
        net_minor=event.net.minor,
        tax_minor=event.tax.minor,
        asked=Asked(
            facility=event.facility,
            currency=event.currency,
            system=event.system,
            modifiers=event.modifiers,
            stated_minor=event.unit_price.minor if stated else None,
            encounter_id=event.encounter_id,
            reference=event.reference,
        ),
    )


CHARGE = Decider("chg", decide, evolve, ChargeState)
