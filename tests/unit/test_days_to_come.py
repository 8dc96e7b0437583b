"""Days that are still to come: nothing is received or corrected on one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.adjustment import AdjustmentReason, Direction
from contracts.ids import AdjustmentId, InvoiceId, PaymentId, RemittanceId
from contracts.payment import PaymentMethod
from domain.adjustment import ADJUSTMENT, ApplyAdjustment
from domain.book import Calendar
from domain.charge import CHARGE
from domain.decider import Decider
from domain.payment import PAYMENT, PostPayment
from domain.rejections import Invalid
from tests.fixtures.clinic_events import ACCOUNT_ID, capture, opened, owed, usd
from tests.fixtures.scenario import Scenario, given

CHARGE_ONE = capture()
PAY = PostPayment(
    payment_id=PaymentId("pay_1"),
    account_id=ACCOUNT_ID,
    amount=usd(1),
    method=PaymentMethod.BANK,
)
ADJUST = ApplyAdjustment(
    adjustment_id=AdjustmentId("adj_1"),
    account_id=ACCOUNT_ID,
    reason=AdjustmentReason.COURTESY,
    direction=Direction.CREDIT,
    amount=usd(1),
    invoice_id=InvoiceId("inv_1"),
)
# 23:00 on the 15th in UTC is the 16th in Kabul.
LATE = datetime(2026, 1, 15, 23, tzinfo=UTC)
TOMORROW = date(2026, 1, 17)


def late_in_kabul(decider: Decider) -> Scenario:
    calendar = Calendar(zones={"north": "Asia/Kabul"})
    return given(decider, opened(), *owed(1, 1_000), at=LATE, calendar=calendar)


@pytest.mark.parametrize(
    ("decider", "command", "field"),
    [
        (PAYMENT, PAY, "received_on"),
        (ADJUSTMENT, ADJUST, "effective_on"),
    ],
)
def test_a_day_beyond_tomorrow_at_the_facility_is_refused(
    decider: Decider, command: Any, field: str
) -> None:
    scenario = late_in_kabul(decider)
    assert scenario.when(replace(command, **{field: TOMORROW})).events
    beyond = replace(command, **{field: TOMORROW + timedelta(days=1)})
    scenario.when(beyond).then_rejected(Invalid, f"{field} 2026-01-18 is still to come at north")


def test_a_service_may_be_charged_ahead_of_its_day() -> None:
    ahead = replace(CHARGE_ONE, service_on=date(2026, 3, 1))
    assert late_in_kabul(CHARGE).when(ahead).events


def test_a_payer_may_announce_its_money_and_what_it_will_not_pay() -> None:
    announced: dict[str, Any] = {"remittance_id": RemittanceId("rem_1")}
    paid = replace(PAY, received_on=date(2026, 2, 1), invoice_id=None, **announced)
    assert late_in_kabul(PAYMENT).when(paid).events
    denied = replace(ADJUST, effective_on=date(2026, 2, 1), **announced)
    assert late_in_kabul(ADJUSTMENT).when(denied).events
