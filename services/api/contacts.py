"""How customers are reached, over HTTP: recorded, and read again."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.account import AccountContactRecorded, AccountOpened
from contracts.event import Event
from contracts.ids import AccountId, event_id
from contracts.inbound import Address, Telephone
from contracts.recipients import AddressInvalid, mail_address, telephone_number
from contracts.statement import DeliveryChannel
from domain.account import Contact, RecordContact
from services.api.calls import Call
from services.api.ledger import Ledger
from services.api.parameters import AccountPath
from services.api.problems import invalid
from services.api.reading import Reading
from services.api.routes import command, created, query

Email = Annotated[Address, Meta(description="where documents are sent; kept sealed")]
Phone = Annotated[Telephone, Meta(description="+995 555 12 34 56; kept sealed")]
Preferred = Annotated[
    DeliveryChannel | None,
    Meta(description="how the customer wants documents; else the first that there is"),
]
_Version = Annotated[
    int, Meta(description="version of the account's own stream; its ETag is at its own place")
]


class RecordContactRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Everything by which the customer is reached; what is left out is not used any more."""

    email: Email | None = None
    phone: Phone | None = None
    delivery: Preferred = None


class AccountContact(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer of an account is reached."""

    account_id: AccountId
    email: Annotated[str | None, Meta(description="null, too, once the person is forgotten")]
    phone: str | None
    delivery: DeliveryChannel | None
    version: _Version
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/accounts/{account_id:str}/contact",
    RecordContact,
    summary="Record a contact",
    codes=("NOT_FOUND",),
)
async def record_contact(
    data: JSONBody[RecordContactRequest], call: NamedDependency[Call], account_id: AccountPath
) -> Response[AccountContact]:
    """Statements and reminders go this way from now on, and no other."""
    email, phone = checked_address("email", data.email), checked_address("phone", data.phone)
    contact = Contact(
        email=await call.ledger.seal_for(call.tenant, account_id, email),
        phone=await call.ledger.seal_for(call.tenant, account_id, phone),
        delivery=data.delivery,
    )
    wanted = RecordContact(account_id=AccountId(account_id), contact=contact)
    done = await call.execute(data, wanted)
    # As it was after the command, which a repeat is answered with, whatever came since.
    last = _last((await call.ledger.events(call.tenant, account_id))[: done.version])
    answer = AccountContact(
        account_id=last.account_id,
        email=await call.open(last.email),
        phone=await call.open(last.phone),
        delivery=last.delivery,
        version=done.version,
        token=done.token,
    )
    return created(f"/v1/accounts/{account_id}/contact", answer, done)


@query("/accounts/{account_id:str}/contact", summary="Read a contact", codes=("NOT_FOUND",))
async def get_contact(
    reading: NamedDependency[Reading], ledger: NamedDependency[Ledger], account_id: AccountPath
) -> AccountContact:
    """As the log has it now; what was recorded can be read at once."""
    events = await ledger.events(reading.tenant, account_id)
    last = _last(events)
    email, phone = await reading.names([last.email, last.phone])
    return AccountContact(
        account_id=last.account_id,
        email=email,
        phone=phone,
        delivery=last.delivery,
        version=len(events),
        token=event_id(account_id, len(events)),
    )


def _last(events: Sequence[Event]) -> AccountOpened | AccountContactRecorded:
    """The last event of an account that says how its customer is reached; the first one does."""
    known = [event for event in events if isinstance(event, AccountOpened | AccountContactRecorded)]
    return known[-1]


def checked_address(field: Literal["email", "phone"], text: str | None) -> str | None:
    """An address as it is dialled or mailed to; raises Problem."""
    if text is None:
        return None
    try:
        return mail_address(text) if field == "email" else telephone_number(text)
    except AddressInvalid as wrong:
        raise invalid(f"$.{field}", str(wrong)) from wrong
