"""What happens to an account: the ledger's customer, one per patient and currency."""

from typing import Annotated

from msgspec import Meta

from contracts.event import AccountEvent
from contracts.money import Currency
from contracts.private import Private
from contracts.statement import DeliveryChannel


class AccountOpened(AccountEvent, frozen=True, kw_only=True):
    """An account was opened for a patient or customer, in one currency."""

    patient_id: str
    name: Private | None
    facility: str
    currency: Currency
    language: Annotated[str, Meta(description="BCP 47 tag of the statements", examples=["en"])]
    email: Annotated[Private | None, Meta(description="where documents are sent")] = None
    phone: Annotated[Private | None, Meta(description="where text messages go")] = None
    delivery: Annotated[
        DeliveryChannel | None, Meta(description="how the customer wants documents")
    ] = None


class AccountContactRecorded(AccountEvent, frozen=True, kw_only=True):
    """How the customer is reached from now on; what is null is not used any more."""

    email: Annotated[Private | None, Meta(description="where documents are sent")]
    phone: Annotated[Private | None, Meta(description="where text messages go")]
    delivery: Annotated[
        DeliveryChannel | None, Meta(description="how the customer wants documents")
    ]


class AccountSuspended(AccountEvent, frozen=True, kw_only=True):
    """An account takes no new charges until it is reinstated; it goes on taking payments."""

    reason: Private


class AccountReinstated(AccountEvent, frozen=True, kw_only=True):
    """A suspended account takes charges again."""

    reason: Private
