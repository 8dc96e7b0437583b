"""The refusals that more than one aggregate gives; each has its code of the error table."""

from typing import ClassVar

from domain.decider import Rejected


class NotFound(Rejected):
    """The thing does not exist, or is another tenant's."""

    code: ClassVar[str] = "NOT_FOUND"


class AlreadyExists(Rejected):
    """It was made before, by another command."""

    code: ClassVar[str] = "ALREADY_EXISTS"


class Invalid(Rejected):
    """The command contradicts itself or what it refers to."""

    code: ClassVar[str] = "VALIDATION_FAILED"


class CodeInvalid(Rejected):
    """The code is not in its code system, or not on that day."""

    code: ClassVar[str] = "CODE_INVALID"


class CodeUnverified(Rejected):
    """Whoever knows the code's system could not be asked: nothing is captured unverified."""

    code: ClassVar[str] = "CODE_UNVERIFIED"


class CurrencyUnsupported(Rejected):
    """An amount in a currency that the account does not have."""

    code: ClassVar[str] = "CURRENCY_UNSUPPORTED"


class PriceNotFound(Rejected):
    """No price is published for the code at that facility, date and currency."""

    code: ClassVar[str] = "PRICE_NOT_FOUND"


class AccountSuspended(Rejected):
    """A suspended account takes payments but no new charges."""


class AlreadySuspended(Rejected):
    """The account is suspended by another command."""


class NotSuspended(Rejected):
    """Only a suspended account can be reinstated."""


class ChargeNotOpen(Rejected):
    """The charge was reversed, or is on an invoice."""


class InvoiceNotDraft(Rejected):
    """Only a draft can be issued."""


class InvoiceIssuedBefore(Rejected):
    """The invoice is issued with another due date."""


class InvoiceNotOutstanding(Rejected):
    """Only an issued, unsettled invoice can be paid or adjusted."""


class InvoiceNotIssued(Rejected):
    """Only an invoice that was issued can be voided; a draft is owed by nobody."""


class InvoiceOfBill(Rejected):
    """What a bill is owed by is not voided: closed bills are final."""


class NothingToInvoice(Rejected):
    """The account has no open charge."""


class EncounterSettled(Rejected):
    """The encounter is billed already."""


class EverythingSealed(Rejected):
    """The seal reaches to the end of the calendar: there is no open day left to book on."""


class RejectionSettled(Rejected):
    """The rejected message was retried or discarded already."""


class PaymentNotPosted(Rejected):
    """A payment that was not made cannot be given back, and one that was made did not fail."""


class PaymentMethodGone(Rejected):
    """A payment method that was removed is not charged again."""


class CreditExceeded(Rejected):
    """More credit is to be used than the customer has."""


class NothingOutstanding(Rejected):
    """No invoice of the account is outstanding."""


class AmountExceedsRefundable(Rejected):
    """More is to be given back than is left of the payment."""

    code: ClassVar[str] = "AMOUNT_EXCEEDS_REFUNDABLE"


class FourEyes(Rejected):
    """Whoever asked for a refund may not decide about it."""

    code: ClassVar[str] = "FOUR_EYES"


class RefundNotApproved(Rejected):
    """Only an approved refund is made."""


class RefundSettled(Rejected):
    """It was decided about the refund already."""


class BillNotOpen(Rejected):
    """The bill is not in the state that it would have to be in."""


class BillMoved(Rejected):
    """A bill was made since the command was, on another account than the one it was made for."""

    code: ClassVar[str] = "ACCOUNT_VERSION_CONFLICT"
    transient: ClassVar[bool] = True


class PaymentPending(Rejected):
    """The charge of a bill has no end yet: ask again."""
