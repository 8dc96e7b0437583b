"""The same work for every figure: charges by price list over many accounts of one tenant."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from contracts.cloudevent import CloudEvent
from contracts.ids import AccountId
from contracts.inbound import CAPTURE_CHARGE, CaptureChargeMessage
from contracts.money import Money
from contracts.price_list import Price
from domain import naming
from domain.account import OpenAccount
from domain.price_list import PublishPriceList
from services.execute.envelope import Done, Envelope
from services.execute.executor import Executor
from services.intake.reading import Readable, content_hash
from services.intake.translation import envelope_of

TENANT: Final = "bench"
FACILITY: Final = "north"
CURRENCY: Final = "USD"
SERVICE_ON: Final = date(2026, 3, 2)
ACCOUNTS: Final = 2_000
CODES: Final = 300
_SOURCE: Final = "/bench"


def account_ids(accounts: int = ACCOUNTS, tenant: str = TENANT) -> list[AccountId]:
    """The accounts that charges are spread over."""
    return [naming.account_id(tenant, f"patient-{n}", CURRENCY) for n in range(accounts)]


def charge_event(number: int, account_id: AccountId) -> CloudEvent:
    """The message of one charge."""
    message = CaptureChargeMessage(
        account_id=account_id,
        facility=FACILITY,
        code=f"C{number % CODES}",
        system="urn:bench",
        quantity=1 + number % 3,
        service_date=SERVICE_ON,
        currency=CURRENCY,
        reference=f"line {number}",
    )
    return CloudEvent(
        id=f"charge-{number}",
        source=_SOURCE,
        type=CAPTURE_CHARGE,
        time=datetime.now(UTC),
        datacontenttype="application/json",
        data=msgspec.json.encode(message),
    )


def charge_events(first: int, count: int) -> Iterator[CloudEvent]:
    """Messages of consecutive charges, spread over all accounts."""
    accounts = account_ids()
    for number in range(first, first + count):
        yield charge_event(number, accounts[number % ACCOUNTS])


def charge_envelopes(first: int, count: int) -> list[Envelope]:
    """The commands of the same messages, as the intake makes them."""
    envelopes = []
    for event in charge_events(first, count):
        message = msgspec.json.decode(event.data, type=CaptureChargeMessage)
        readable = Readable(TENANT, event, message, content_hash(event))
        envelopes.append(envelope_of(readable, {}, {}))
    return envelopes


async def prepare(executor: Executor, tenant: str = TENANT) -> None:
    """Publish the price list and open the accounts."""
    prices = tuple(
        Price(
            facility=FACILITY,
            code=f"C{number}",
            unit_price=Money.of(1_000 + number, CURRENCY),
            valid_from=date(2026, 1, 1),
        )
        for number in range(CODES)
    )
    price_list_id = naming.keyed_price_list_id(tenant, "bench")
    commands: list[object] = [
        PublishPriceList(price_list_id=price_list_id, name="Bench", prices=prices)
    ]
    commands += [
        OpenAccount(
            account_id=account_id,
            patient_id=f"patient-{number}",
            name=None,
            facility=FACILITY,
            currency=CURRENCY,
        )
        for number, account_id in enumerate(account_ids(tenant=tenant))
    ]
    check(await executor.execute_all([_envelope(command, tenant) for command in commands]))


def check(outcomes: Sequence[object]) -> None:
    """A figure counts only when every command was done."""
    failed = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    if failed:
        raise RuntimeError(f"{len(failed)} commands were not done, the first: {failed[0]}")


def _envelope(command: object, tenant: str) -> Envelope:
    return Envelope(
        tenant=tenant,
        command=command,
        actor="bench",
        correlation_id="bench",
        payload_hash=hashlib.sha256(b"bench").digest(),
    )
