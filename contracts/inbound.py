"""What other systems send us over the bus: tolerant of fields it does not know, strict in those
it does. Every field that is wrong is named by its JSON path in the error.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from contracts import patients
from contracts.calendar import DATE_SCHEMA, check_day
from contracts.charge import QUANTITY_MAX
from contracts.money import Currency, Money, exponent, parse_money
from contracts.recipients import TELEPHONE_PATTERN, mail_address, telephone_number
from contracts.statement import DeliveryChannel
from contracts.texts import CUSTOMER as CUSTOMER
from contracts.texts import FACILITY as FACILITY
from contracts.texts import LANGUAGE, PRINTABLE, VISIBLE
from contracts.texts import MEANINGS as MEANINGS
from contracts.texts import PLAIN_PATTERNS as PLAIN_PATTERNS
from contracts.texts import Instant as Instant
from contracts.texts import Line as Line
from contracts.usage import UsageFeeIncurred as UsageFeeIncurred
from contracts.wording import in_words, split_path

SERVICES_MAX: Final = 1_000
ALLOCATIONS_MAX: Final = 500
CLAIMS_MAX: Final = 2_500  # what fits an event body; a longer remittance comes in parts

Id = Annotated[
    str,
    Meta(
        description="an id of the sending system, printable",
        min_length=1,
        max_length=256,
        pattern=PRINTABLE,
    ),
]
Code = Annotated[
    str,
    Meta(
        description="a code without spaces, as its code system writes it",
        min_length=1,
        max_length=64,
        pattern=VISIBLE,
    ),
]
CodeSystem = Annotated[
    str,
    Meta(
        description="the code system, a URI",
        examples=["http://snomed.info/sct"],
        min_length=1,
        max_length=256,
        pattern=VISIBLE,
    ),
]
FacilityCode = Annotated[
    str, Meta(description="a facility of the tenant", min_length=1, max_length=64, pattern=FACILITY)
]
Language = Annotated[
    str,
    Meta(
        description="BCP 47 language tag",
        examples=["en-US", "prs"],
        min_length=2,
        max_length=35,
        pattern=LANGUAGE,
    ),
]
Address = Annotated[str, Meta(max_length=254, extra_json_schema={"format": "email"})]
Telephone = Annotated[str, Meta(max_length=40, extra_json_schema={"pattern": TELEPHONE_PATTERN})]
Modifiers = Annotated[tuple[Code, ...], Meta(max_length=16)]
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
Day = Annotated[date, Meta(extra_json_schema=DATE_SCHEMA)]
ServiceDate = Annotated[Day, Meta(description="local date at the facility")]


class InboundMoney(msgspec.Struct, frozen=True, kw_only=True):
    """An amount as a sender wrote it: a decimal string ("125", "125.5") and its ISO 4217 currency.

    More digits than the currency has are refused. Once read, the amount is canonical.
    """

    amount: Annotated[
        str,
        Meta(
            description="decimal string, never a float",
            examples=["125.00"],
            extra_json_schema={"pattern": r"^-?\d{1,16}(\.\d{1,4})?$"},
        ),
    ]
    currency: Currency

    def __post_init__(self) -> None:
        # Checked here so that the error names the JSON path of the amount, not of the message.
        canonical = parse_money(self.amount, self.currency)
        msgspec.structs.force_setattr(self, "amount", canonical.amount)

    @property
    def money(self) -> Money:
        """The same amount as the ledger's events carry it."""
        return Money(amount=self.amount, currency=self.currency)

    @property
    def minor(self) -> int:
        """The amount in minor units."""
        return self.money.minor


class Patient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who was treated, and so who has the account."""

    patient_id: patients.PatientId
    name: Annotated[Line | None, Meta(description="as a person would write it")] = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is expected to pay besides the patient."""

    payer: Id
    plan: Line | None = None
    member_id: Id | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coded service that was rendered; without a unit price the price list decides."""

    code: Code
    system: CodeSystem
    modifiers: Modifiers = ()
    quantity: Quantity = 1
    service_date: ServiceDate
    description: Line | None = None
    unit_price: InboundMoney | None = None
    line_id: Annotated[Id | None, Meta(description="the sender's own id of the line")] = None

    def __post_init__(self) -> None:
        check_day("service_date", self.service_date)


class EncounterClosed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clinic closed an encounter: what was done for whom, ready to be charged."""

    encounter_id: Id
    claim_id: Annotated[
        Id | None,
        Meta(description="natural key where an encounter is billed by several claims"),
    ] = None
    patient: Patient
    facility: FacilityCode
    currency: Currency
    language: Language | None = None
    closed_at: Instant
    services: Annotated[
        tuple[Service, ...],
        Meta(description="may be empty: nothing to charge", max_length=SERVICES_MAX),
    ]
    coverage: Coverage | None = None

    def __post_init__(self) -> None:
        patients.check_patient_id(self.patient.patient_id)
        check_day("closed_at", self.closed_at)
        exponent(self.currency)
        for service in self.services:
            if service.unit_price and service.unit_price.currency != self.currency:
                raise ValueError(f"Expected every `unit_price` in {self.currency}")


class RemittanceAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a claim that the payer will not pay, and why."""

    reason: Annotated[Id, Meta(examples=["CONTRACTUAL"])]
    amount: InboundMoney


class RemittanceClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim as the payer settled it; it names an invoice, a claim or an encounter."""

    claim_id: Id | None = None
    encounter_id: Id | None = None
    invoice: Annotated[Id | None, Meta(description="our invoice number or id")] = None
    paid: InboundMoney
    adjustments: Annotated[tuple[RemittanceAdjustment, ...], Meta(max_length=100)] = ()
    denied: bool = False
    denial_reason: Annotated[
        Line | None, Meta(description="the payer's own words, sealed before they are stored")
    ] = None

    def __post_init__(self) -> None:
        if self.claim_id is None and self.encounter_id is None and self.invoice is None:
            raise ValueError("Expected one of `claim_id`, `encounter_id`, `invoice`")


class RemittanceReceived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payer's advice of what it paid for which claims; the claims sum to the total."""

    remittance_id: Id
    payer: Id
    received_on: Day | None = None
    total: InboundMoney
    claims: Annotated[
        tuple[RemittanceClaim, ...],
        Meta(min_length=1, max_length=CLAIMS_MAX),
    ]

    def __post_init__(self) -> None:
        check_day("received_on", self.received_on)


class CaptureChargeMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command to charge a service to an account, from a system that knows the account."""

    account_id: Id
    facility: FacilityCode
    code: Code
    system: CodeSystem
    modifiers: Modifiers = ()
    quantity: Quantity = 1
    service_date: ServiceDate
    currency: Currency
    unit_price: InboundMoney | None = None
    reference: Annotated[
        Line | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None
    encounter_id: Id | None = None

    def __post_init__(self) -> None:
        check_day("service_date", self.service_date)


class OpenAccountMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command to open an account; there is one per patient and currency."""

    patient_id: patients.PatientId
    name: Annotated[Line | None, Meta(description="sealed before it is stored")] = None
    facility: FacilityCode
    currency: Currency
    language: Language = "en"
    email: Annotated[Address | None, Meta(description="for documents; sealed as the name")] = None
    phone: Annotated[Telephone | None, Meta(description="+995 555 12 34 56; sealed, too")] = None
    delivery: Annotated[
        DeliveryChannel | None,
        Meta(description="how the customer wants documents; else the first that there is"),
    ] = None

    def __post_init__(self) -> None:
        patients.check_patient_id(self.patient_id)
        exponent(self.currency)
        if self.email is not None:
            msgspec.structs.force_setattr(self, "email", mail_address(self.email))
        if self.phone is not None:
            msgspec.structs.force_setattr(self, "phone", telephone_number(self.phone))


OPEN_ACCOUNT: Final = "billing.command.open-account.v1"


class AllocationMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what is paid or allocated, for one invoice."""

    invoice_id: Id
    amount: InboundMoney


Allocations = Annotated[tuple[AllocationMessage, ...], Meta(max_length=ALLOCATIONS_MAX)]


class PostPaymentMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command to post money received, from a bank feed, a lockbox or a till."""

    account_id: Id
    amount: InboundMoney
    method: Annotated[
        Literal["cash", "bank", "remittance"],
        Meta(description="a card payment is made over the API, where its gateway is asked"),
    ]
    received_on: Day | None = None
    allocations: Annotated[
        Allocations | None, Meta(description="the oldest invoices first if left out")
    ] = None
    payer: Id | None = None
    reference: Annotated[
        Line | None,
        Meta(description="the sender's own identifier, published as it is: never a person's data"),
    ] = None

    def __post_init__(self) -> None:
        check_day("received_on", self.received_on)


class AllocateCreditMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command to settle invoices from a customer's credit: all of it unless it says less."""

    account_id: Id
    amount: InboundMoney | None = None
    allocations: Annotated[
        Allocations | None, Meta(description="the oldest invoices first if left out")
    ] = None


class ApplyAdjustmentMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The command to lower (credit) or raise (debit) what is owed, as a payer's system has it."""

    account_id: Id
    reason: Literal["CONTRACTUAL", "CHARITY", "BAD_DEBT", "COURTESY", "CORRECTION"]
    direction: Literal["credit", "debit"]
    amount: InboundMoney
    effective_on: Day | None = None
    invoice_id: Annotated[Id | None, Meta(description="the account alone if left out")] = None

    def __post_init__(self) -> None:
        check_day("effective_on", self.effective_on)


CAPTURE_CHARGE: Final = "billing.command.capture-charge.v1"
POST_PAYMENT: Final = "billing.command.post-payment.v1"
ALLOCATE_CREDIT: Final = "billing.command.allocate-credit.v1"
APPLY_ADJUSTMENT: Final = "billing.command.apply-adjustment.v1"
ENCOUNTER_CLOSED: Final = "clinical.encounter.closed.v1"
REMITTANCE_RECEIVED: Final = "payer.remittance.received.v1"
USAGE_FEE_INCURRED: Final = "usage.fee.incurred.v1"

InboundMessage = (
    OpenAccountMessage
    | CaptureChargeMessage
    | PostPaymentMessage
    | AllocateCreditMessage
    | ApplyAdjustmentMessage
    | EncounterClosed
    | RemittanceReceived
    | UsageFeeIncurred
)


class InboundType(NamedTuple):
    """A message type that the intake takes."""

    wire_type: str
    shape: type[InboundMessage]
    description: str


INBOUND: Final = (
    InboundType(OPEN_ACCOUNT, OpenAccountMessage, "Open an account; one that is there is refused."),
    InboundType(CAPTURE_CHARGE, CaptureChargeMessage, "Charge a service; the fast path."),
    InboundType(POST_PAYMENT, PostPaymentMessage, "Post money received."),
    InboundType(ALLOCATE_CREDIT, AllocateCreditMessage, "Settle invoices from credit."),
    InboundType(APPLY_ADJUSTMENT, ApplyAdjustmentMessage, "Lower or raise what is owed."),
    InboundType(ENCOUNTER_CLOSED, EncounterClosed, "An encounter to be charged and invoiced."),
    InboundType(REMITTANCE_RECEIVED, RemittanceReceived, "A payer's payments to be posted."),
    InboundType(USAGE_FEE_INCURRED, UsageFeeIncurred, "A fee for the bill of its month."),
)


class InboundTypeUnknown(LookupError):
    """A message of a type that the intake does not take."""


class InboundInvalid(ValueError):
    """The data of a message is not of its type; the text names the JSON path."""


_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    inbound.wire_type: msgspec.json.Decoder(inbound.shape) for inbound in INBOUND
}


def decode(wire_type: str, data: bytes) -> InboundMessage:
    """The message in the data of a CloudEvent; raises InboundTypeUnknown and InboundInvalid."""
    decoder = _DECODERS.get(wire_type)
    if decoder is None:
        known = ", ".join(_DECODERS)
        raise InboundTypeUnknown(f"{wire_type!r} is not taken here; send one of {known}")
    try:
        message: InboundMessage = decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        wrong, path = split_path(str(error))
        found = f"{in_words(wrong, MEANINGS)} - at `{path}`" if path != "$" else str(error)
        raise InboundInvalid(f"data is no {wire_type}: {found}") from error
    return message
