"""The log alone, page by page at once: it finds in the log what the deep audit finds, and is told
nothing of what follows from it.
"""

import pytest

from services.audit import hashing
from services.audit.findings import OF_THE_LOG, Check, Finding
from tests.fixtures.audited import CHARGE, HEAD, AuditedLedger, brief

# Position 4 is a charge, 8 a payment.
DAMAGES = {
    "a changed event": "UPDATE events SET body = replace(convert_from(body, 'UTF8'), 'north',"
    " 'south')::bytea WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 4)",
    "changed metadata": "UPDATE events SET metadata = replace(convert_from(metadata, 'UTF8'),"
    " 'ada', 'bob')::bytea"
    " WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 8)",
    "a changed time": "UPDATE events SET recorded_at = recorded_at + interval '1 microsecond'"
    " WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 4)",
    "a changed type": "UPDATE events SET type = type || '1'"
    " WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 4)",
    "a deleted event": "DELETE FROM events"
    " WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 4)",
    "an inserted event": "INSERT INTO events SELECT tenant, stream_id, 9, type, partition_key,"
    " recorded_at, body, metadata FROM events"
    " WHERE stream_id = (SELECT stream_id FROM event_log WHERE position = 4)",
    "swapped positions": "UPDATE event_log SET (position, tenant_position) ="
    " (9 - position, 9 - tenant_position) WHERE position IN (4, 5)",
    "a missing position": "DELETE FROM event_log WHERE position = 5",
    "a changed leaf": "UPDATE event_log SET leaf = sha256(leaf) WHERE position = 5",
    "a wrong place within the tenant": "UPDATE event_log SET tenant_position = 99"
    " WHERE position = 7",
    "a wrong place within the partition": "UPDATE event_log SET partition_position = 99"
    " WHERE position = 7",
    "time that runs backwards": "UPDATE event_log SET sequenced_at = '2001-01-01'"
    " WHERE position = 7",
    "a head that is elsewhere": "UPDATE log_head SET position = 10",
    "an event taken out of the outbox": "DELETE FROM billing_outbox",
}


@pytest.mark.parametrize("pages", [4_000, 3])
async def test_a_whole_log_is_well(
    audited: AuditedLedger, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(hashing, "PAGE_EVENTS", pages)
    await audited.sign()
    deep, alone = await audited.verify(), await audited.verify(deep=False)
    assert alone.is_well
    assert (alone.root, alone.head, alone.events) == (deep.root, HEAD, HEAD + 1)
    assert alone.signed_through == HEAD
    counts = {count.check: count.checked for count in deep.checks}
    assert {count.check: count.checked for count in alone.checks} == {
        check: counts[check] for check in OF_THE_LOG
    }


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_wrong_with_the_log_is_found_as_by_the_deep_audit(
    audited: AuditedLedger, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(hashing, "PAGE_EVENTS", 3)
    await audited.sign()
    await audited.damage("ALTER TABLE event_log DROP CONSTRAINT event_log_is_dense")
    await audited.damage("ALTER TABLE event_log DROP CONSTRAINT event_log_is_dense_per_tenant")
    await audited.damage(DAMAGES[damage])
    deep = [one for one in await audited.findings() if one.check in OF_THE_LOG]
    alone = await audited.findings(deep=False)
    assert deep
    assert brief(alone) == brief(deep)


async def test_what_does_not_follow_from_the_log_is_for_the_deep_audit(
    audited: AuditedLedger,
) -> None:
    await audited.damage("UPDATE stream_heads SET version = 7 WHERE stream_id = $1", CHARGE)
    assert await audited.findings(deep=False) == []
    found: list[Finding] = await audited.findings()
    assert {one.check for one in found} == {Check.STREAM_HEADS}


async def test_since_a_position_the_log_alone_is_verified_from_there_on(
    audited: AuditedLedger,
) -> None:
    await audited.sign()
    report = await audited.verify(since=5, deep=False)
    assert report.is_well
    assert (report.events, report.signed_through) == (HEAD - 4, HEAD)
    whole = await audited.verify()
    assert report.root == whole.root
