"""Suspended accounts: no new charges, payments as ever, until they are reinstated."""

from contracts.account import AccountReinstated, AccountSuspended
from contracts.payment import PaymentMethod
from contracts.private import Private
from domain.account import ACCOUNT, OpenAccount, ReinstateAccount, SuspendAccount
from domain.charge import CHARGE
from domain.decider import Decider
from domain.payment import PAYMENT, PostPayment
from domain.rejections import AccountSuspended as ChargeRefused
from domain.rejections import AlreadySuspended, NotFound, NotSuspended
from domain.write_side import AccountStatus
from tests.fixtures.clinic_events import (
    ACCOUNT_ID,
    capture,
    captured,
    opened,
    posted,
    usd,
)
from tests.fixtures.scenario import Outcome, given

REASON = Private(subject="p1", sealed="AAEC")
OTHER_REASON = Private(subject="p1", sealed="AwQF")
SUSPEND = SuspendAccount(account_id=ACCOUNT_ID, reason=REASON)
REINSTATE = ReinstateAccount(account_id=ACCOUNT_ID, reason=REASON)
SUSPENDED = AccountSuspended(account_id=ACCOUNT_ID, reason=REASON)
REINSTATED = AccountReinstated(account_id=ACCOUNT_ID, reason=REASON)
CAPTURE = capture(10_000)


def on_suspended(decider: Decider, command: object) -> Outcome:
    return given(decider, opened(), SUSPENDED).when(command)


def test_an_account_is_suspended_and_reinstated_in_turn() -> None:
    scenario = given(ACCOUNT, opened())
    for command, event, status in (
        (SUSPEND, SUSPENDED, AccountStatus.SUSPENDED),
        (REINSTATE, REINSTATED, AccountStatus.OPEN),
        (SUSPEND, SUSPENDED, AccountStatus.SUSPENDED),
    ):
        scenario.when(command).then(event)
        scenario.happened(event)
        assert scenario.book.account(ACCOUNT_ID).status is status
    assert scenario.book.account(ACCOUNT_ID).version == 4


def test_a_suspended_account_takes_no_new_charge() -> None:
    on_suspended(CHARGE, CAPTURE).then_rejected(ChargeRefused, "suspended")
    given(CHARGE, opened(), SUSPENDED, REINSTATED).when(CAPTURE).then(captured())


def test_a_charge_of_before_is_still_a_repeat_on_a_suspended_account() -> None:
    given(CHARGE, opened(), captured(), SUSPENDED).when(CAPTURE).then_nothing()


def test_a_suspended_account_takes_payments() -> None:
    pay = PostPayment(
        payment_id=posted(500).payment_id,
        account_id=ACCOUNT_ID,
        amount=usd(500),
        method=PaymentMethod.CASH,
    )
    on_suspended(PAYMENT, pay).then(posted(500))


def test_the_very_same_command_again_changes_nothing() -> None:
    on_suspended(ACCOUNT, SUSPEND).then_nothing()
    given(ACCOUNT, opened(), SUSPENDED, REINSTATED).when(REINSTATE).then_nothing()


def test_what_is_so_already_is_not_done_again_for_another_reason() -> None:
    again = SuspendAccount(account_id=ACCOUNT_ID, reason=OTHER_REASON)
    on_suspended(ACCOUNT, again).then_rejected(AlreadySuspended)
    given(ACCOUNT, opened()).when(REINSTATE).then_rejected(NotSuspended)
    back = ReinstateAccount(account_id=ACCOUNT_ID, reason=OTHER_REASON)
    scenario = given(ACCOUNT, opened(), SUSPENDED, REINSTATED)
    scenario.when(back).then_rejected(NotSuspended)


def test_an_account_that_is_not_there_is_neither_suspended_nor_reinstated() -> None:
    given(ACCOUNT).when(SUSPEND).then_rejected(NotFound)
    given(ACCOUNT).when(REINSTATE).then_rejected(NotFound)


def test_a_suspended_account_is_there_for_who_needs_one() -> None:
    command = OpenAccount(
        account_id=ACCOUNT_ID,
        patient_id="p1",
        name=None,
        facility="north",
        currency="USD",
        unless_open=True,
    )
    on_suspended(ACCOUNT, command).then_nothing()
