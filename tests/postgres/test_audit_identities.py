"""What repeats are answered with: rows that are gone, changed or of no event are named."""

import pytest

from contracts.ids import event_id
from services.audit.findings import Check
from tests.fixtures.audited import (
    HEAD,
    OTHER,
    AuditedLedger,
    brief,
    capture,
    charge_id,
)

TAKEN = charge_id(OTHER, 50)
AGAIN = charge_id(OTHER, 51)
POSITION = HEAD + 2  # behind WAITING


@pytest.fixture
async def ledger(audited: AuditedLedger) -> AuditedLedger:
    """Two messages were taken, one of them sent again under another id, and a request answered."""
    await audited.take("m-1", capture(OTHER, 50))
    await audited.take("m-2", capture(OTHER, 51))
    await audited.take("m-3", capture(OTHER, 51))
    await audited.answer("k-1", capture(OTHER, 52))
    await audited.sequence()
    await audited.project()
    return audited


async def test_messages_and_answers_that_are_whole_are_well(ledger: AuditedLedger) -> None:
    report = await ledger.verify()
    assert report.findings == ()
    checked = {count.check: count.checked for count in report.checks}
    assert (checked[Check.INBOX], checked[Check.ANSWERS]) == (3, 1)


async def test_a_message_that_could_be_taken_again_is_found(ledger: AuditedLedger) -> None:
    await ledger.damage("DELETE FROM billing_inbox WHERE id = 'm-1'")
    (finding,) = await ledger.findings()
    what = "message m-1 of /clinic is not in the inbox"
    assert brief([finding]) == [(Check.INBOX, POSITION, TAKEN, what)]
    assert (finding.expected, finding.found) == (event_id(TAKEN, 1), None)


async def test_a_message_that_is_answered_with_what_another_made_is_found(
    ledger: AuditedLedger,
) -> None:
    await ledger.damage("UPDATE billing_inbox SET stream_id = $1 WHERE id = 'm-1'", AGAIN)
    (finding,) = await ledger.findings()
    assert brief([finding]) == [
        (Check.INBOX, POSITION, TAKEN, "what message m-1 of /clinic made"),
    ]
    assert finding.found == event_id(AGAIN, 1)


async def test_a_message_that_was_taken_at_another_time_is_found(ledger: AuditedLedger) -> None:
    await ledger.damage(
        "UPDATE billing_inbox SET recorded_at = recorded_at + interval '1 day' WHERE id = 'm-2'"
    )
    (finding,) = await ledger.findings()
    what = "recorded_at of message m-2 of /clinic"
    assert brief([finding]) == [(Check.INBOX, POSITION + 1, AGAIN, what)]


@pytest.mark.parametrize(
    ("statement", "check", "what"),
    [
        (
            "UPDATE billing_inbox SET version = 7 WHERE id = 'm-3'",
            Check.INBOX,
            "the result of intake /clinic m-3 is no event",
        ),
        (
            "UPDATE billing_inbox SET token = 'nonsense' WHERE id = 'm-3'",
            Check.INBOX,
            "the token of intake /clinic m-3 is no event",
        ),
        (
            "UPDATE billing_idempotency SET stream_id = 'chg_x'",
            Check.ANSWERS,
            "the result of POST /v1/charges k-1 is no event",
        ),
        (
            "UPDATE billing_idempotency SET token = 'pay_x-1'",
            Check.ANSWERS,
            "the token of POST /v1/charges k-1 is no event",
        ),
    ],
)
async def test_an_answer_that_is_no_event_is_found(
    ledger: AuditedLedger, statement: str, check: Check, what: str
) -> None:
    await ledger.damage(statement)
    (finding,) = await ledger.findings()
    assert (finding.check, finding.what, finding.tenant) == (check, what, "demo")


async def test_the_answer_of_an_event_that_is_gone_is_no_finding_of_its_own(
    audited: AuditedLedger,
) -> None:
    await audited.take("m-1", capture(OTHER, 50))
    await audited.sequence()
    await audited.damage("DELETE FROM events WHERE stream_id = $1", TAKEN)
    assert {one.check for one in await audited.findings()}.isdisjoint({Check.INBOX, Check.ANSWERS})


async def test_answers_that_expired_are_well(ledger: AuditedLedger) -> None:
    await ledger.damage("DELETE FROM billing_idempotency")
    assert (await ledger.verify()).is_well
