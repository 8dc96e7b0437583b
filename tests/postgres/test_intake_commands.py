"""Commands of other systems over the bus: what a message means, once, over a real Postgres."""

from typing import Any

from contracts import inbound
from contracts.account import AccountOpened
from contracts.catalogue import decode
from domain import naming
from domain.account import OpenAccount
from services.sealing import find_keys, open_sealed
from tests.fixtures.intake import Write, arrived, rejected_codes
from tests.fixtures.tenants import envelope

PATIENT = "p-1"


def account(**changes: Any) -> dict[str, Any]:
    return {
        "patient_id": PATIENT,
        "name": "Ketevan Maisuradze",
        "facility": "north",
        "currency": "GEL",
        **changes,
    }


async def test_an_account_is_opened_by_a_message_and_charged_by_the_next(write: Write) -> None:
    account_id = naming.account_id("demo", PATIENT, "GEL")
    charge = {
        "account_id": account_id,
        "facility": "north",
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "unit_price": {"amount": "12", "currency": "GEL"},
    }
    contact = {"email": "keti@example.org", "phone": "+995 555 12 34 56", "delivery": "sms"}
    opening = arrived(1, account(**contact), type_=inbound.OPEN_ACCOUNT)
    taken = await write.taking.take([opening, arrived(2, charge, type_=inbound.CAPTURE_CHARGE)])
    assert (taken.taken_count, taken.rejected_count) == (2, 0)
    rows = await write.admin.fetch("SELECT type, body, metadata FROM events ORDER BY type")
    assert [row["type"] for row in rows] == [
        "billing.account.opened.v1",
        "billing.charge.captured.v1",
    ]
    for secret in (b"Maisuradze", b"keti@", b"+995555"):
        assert not any(secret in row["body"] + row["metadata"] for row in rows)
    opened = decode(rows[0]["type"], rows[0]["body"])
    assert isinstance(opened, AccountOpened)
    keys = await find_keys(write.pool, "demo", [PATIENT])
    sealed = [open_sealed(keys, "demo", one) for one in (opened.email, opened.phone) if one]
    assert (sealed, opened.delivery) == ([contact["email"], "+995555123456"], "sms")


async def test_an_account_that_is_there_is_refused_and_the_message_kept(write: Write) -> None:
    await write.taking.take([arrived(1, account(), type_=inbound.OPEN_ACCOUNT)])
    again = await write.taking.take(
        [
            arrived(2, account(), type_=inbound.OPEN_ACCOUNT),
            arrived(3, account(currency="XXX"), type_=inbound.OPEN_ACCOUNT),
        ]
    )
    assert again.rejected_count == 2
    assert sorted(await rejected_codes(write)) == ["ALREADY_EXISTS", "VALIDATION_FAILED"]


async def test_commands_about_money_are_taken_once_each(write: Write) -> None:
    """A message that comes again, alone or with the others, books nothing a second time."""
    account_id = naming.account_id("demo", PATIENT, "GEL")
    opening = OpenAccount(
        account_id=account_id, patient_id=PATIENT, name=None, facility="north", currency="GEL"
    )
    await write.executor.execute(envelope("demo", opening))
    gel = {"amount": "10", "currency": "GEL"}
    pay = {"account_id": account_id, "amount": gel, "method": "bank", "payer": "payer-1"}
    adjust = {"account_id": account_id, "amount": gel, "reason": "CHARITY", "direction": "debit"}
    batch = [
        arrived(1, pay, type_=inbound.POST_PAYMENT),
        arrived(2, adjust, type_=inbound.APPLY_ADJUSTMENT),
        arrived(3, {"account_id": account_id}, type_=inbound.ALLOCATE_CREDIT),
    ]
    for taken_count, repeated_count in ((3, 0), (0, 3)):
        taken = await write.taking.take(batch)
        assert (taken.taken_count, taken.repeated_count) == (taken_count, repeated_count)
        assert taken.rejected_count == 0
    heads = await write.admin.fetch("SELECT receivable_minor, credit_minor FROM account_heads")
    assert [tuple(head) for head in heads] == [(0, 0)]
