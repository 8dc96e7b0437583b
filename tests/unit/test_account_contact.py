"""How a customer is reached: replaced as a whole, whatever the account's standing."""

import pytest

from contracts.account import AccountContactRecorded
from contracts.event import Event
from contracts.private import Private
from contracts.statement import DeliveryChannel
from domain.account import ACCOUNT, Contact, RecordContact
from domain.rejections import NotFound
from tests.fixtures.clinic_events import ACCOUNT_ID, OTHER_ID, opened
from tests.fixtures.scenario import given
from tests.unit.test_account_suspension import REINSTATED, SUSPENDED

EMAIL, PHONE = (Private(subject="p1", sealed=sealed) for sealed in ("AAEC", "AwQF"))
BY_MAIL = Contact(email=EMAIL, delivery=DeliveryChannel.EMAIL)


def record(contact: Contact = BY_MAIL) -> RecordContact:
    return RecordContact(account_id=ACCOUNT_ID, contact=contact)


def recorded(contact: Contact = BY_MAIL) -> AccountContactRecorded:
    return AccountContactRecorded(
        account_id=ACCOUNT_ID,
        email=contact.email,
        phone=contact.phone,
        delivery=contact.delivery,
    )


@pytest.mark.parametrize("standing", [(), (SUSPENDED,), (SUSPENDED, REINSTATED)])
def test_a_contact_is_recorded_and_replaced_as_a_whole(standing: tuple[Event, ...]) -> None:
    scenario = given(ACCOUNT, opened(), *standing)
    other = Contact(phone=PHONE)
    for contact in (BY_MAIL, other, Contact()):
        scenario.when(record(contact)).then(recorded(contact))
        scenario.happened(recorded(contact))
        scenario.when(record(contact)).then_nothing()
    head = scenario.book.account(ACCOUNT_ID)
    assert head.version == 4 + len(standing)


def test_what_was_recorded_outlives_a_suspension() -> None:
    scenario = given(ACCOUNT, opened(), recorded(), SUSPENDED, REINSTATED)
    scenario.when(record()).then_nothing()


def test_of_an_account_that_is_not_there_nothing_is_recorded() -> None:
    command = RecordContact(account_id=OTHER_ID, contact=BY_MAIL)
    given(ACCOUNT, opened()).when(command).then_rejected(NotFound)
