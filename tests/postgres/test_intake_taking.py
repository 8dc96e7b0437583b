"""What the intake does with a batch of messages, over a real Postgres."""

import json
from typing import Any

import asyncpg
import pytest

from contracts import inbound
from contracts.catalogue import decode
from domain import naming
from services.execute.attempt import LedgerUnavailable
from services.intake.reading import NOBODY, Arrived
from services.intake.rejected import list_rejected
from services.intake.taking import Taking
from services.sealing import find_keys, open_sealed
from tests.fixtures.intake import Write

PATIENT = "p-1"


def arrived(
    sequence: int,
    data: object,
    *,
    type_: str = inbound.ENCOUNTER_CLOSED,
    id_: str | None = None,
    tenant: str = "demo",
) -> Arrived:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": id_ or f"m-{sequence}",
        "ce-source": "/clinic",
        "ce-type": type_,
    }
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Arrived(f"intake.{tenant}.{type_}", headers, payload, sequence)


def encounter(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "encounter_id": f"e-{number}",
        "patient": {"patient_id": PATIENT, "name": "Ketevan Maisuradze"},
        "facility": "north",
        "currency": "GEL",
        "closed_at": "2026-03-02T10:00:00+04:00",
        "services": [
            {
                "code": "99213",
                "system": "urn:cpt",
                "service_date": "2026-03-02",
                "description": "visit of K. Maisuradze",
            }
        ],
        "coverage": {"payer": "payer-1", "member_id": "M-123"},
        **changes,
    }


async def test_an_encounter_is_recorded_with_every_personal_field_sealed(write: Write) -> None:
    taken = await write.taking.take([arrived(1, encounter())])
    assert (taken.taken_count, taken.rejected_count, taken.again) == (1, 0, [])
    (row,) = await write.admin.fetch("SELECT * FROM events")
    assert row["type"] == "billing.encounter.received.v1"
    for personal in (b"Maisuradze", b"M-123"):
        assert personal not in row["body"]
        assert personal not in row["metadata"]


@pytest.mark.parametrize(
    ("named", "subject"),
    [
        ({"claim_id": "c-1", "encounter_id": "e-1", "invoice": "i-1"}, "claim/c-1"),
        ({"encounter_id": "e-1", "invoice": "i-1"}, "claim/e-1"),
        ({"invoice": "i-1"}, "claim/i-1"),
    ],
)
async def test_what_a_payer_says_of_a_claim_is_sealed_under_what_names_the_claim(
    write: Write, named: dict[str, str], subject: str
) -> None:
    nothing = {"amount": "0", "currency": "GEL"}
    denied = {**named, "paid": nothing, "denied": True, "denial_reason": "K. is not pregnant"}
    claims = [denied, {"claim_id": "c-2", "paid": nothing}]
    data = {"remittance_id": "r-1", "payer": "p", "total": nothing, "claims": claims}
    for number in (1, 2):  # sent again under another id, it is the same remittance
        message = arrived(number, data, type_=inbound.REMITTANCE_RECEIVED)
        taken = await write.taking.take([message])
        assert (taken.taken_count, taken.rejected_count) == (1, 0)
    (row,) = await write.admin.fetch("SELECT * FROM events")
    assert b"pregnant" not in row["body"] + row["metadata"]
    recorded: Any = decode(row["type"], row["body"])
    private = recorded.claims[0].denial_reason
    assert private.subject == subject
    keys = await find_keys(write.pool, "demo", [subject])
    assert open_sealed(keys, "demo", private) == "K. is not pregnant"
    assert recorded.claims[1].denial_reason is None
    assert await write.admin.fetchval("SELECT count(*) FROM subject_keys") == 1


async def test_the_same_message_again_changes_nothing(write: Write) -> None:
    message = arrived(1, encounter())
    await write.taking.take([message, message])
    again = await write.taking.take([message._replace(sequence=2)])
    assert (again.taken_count, again.repeated_count, again.rejected_count) == (0, 1, 0)
    assert await write.admin.fetchval("SELECT count(*) FROM events") == 1


async def test_the_same_id_with_other_data_is_rejected_as_reused(write: Write) -> None:
    await write.taking.take([arrived(1, encounter(), id_="m")])
    taken = await write.taking.take([arrived(2, encounter(facility="south"), id_="m")])
    assert taken.rejected_count == 1
    assert await _codes(write) == ["IDEMPOTENCY_KEY_REUSED"]


async def test_a_namesake_with_other_content_is_rejected_and_not_dropped(write: Write) -> None:
    await write.taking.take([arrived(1, encounter())])
    taken = await write.taking.take([arrived(2, encounter(facility="south"))])
    assert taken.rejected_count == 1
    assert await _codes(write) == ["ALREADY_EXISTS"]


async def test_what_cannot_be_read_is_kept_whole_and_the_rest_goes_on(write: Write) -> None:
    batch = [
        arrived(1, encounter(1)),
        Arrived("intake.demo.clinical.encounter.closed.v1", None, b"MSH|^~\\&|", 2),
        arrived(3, b"{not json"),
        arrived(4, encounter(4, services=[{"code": "1"}])),
        arrived(5, encounter(5), type_="clinical.unheard.of.v1"),
        Arrived("intake.demo.some.other.v1", arrived(6, encounter(6)).headers, b"{}", 6),
        arrived(7, encounter(7)),
    ]
    taken = await write.taking.take(batch)
    assert (taken.taken_count, taken.rejected_count, taken.again) == (2, 5, [])
    assert await write.admin.fetchval("SELECT count(*) FROM billing_intake_rejected") == 5
    rejected = await write.admin.fetchval(
        "SELECT count(*) FROM events WHERE type = 'billing.intake.rejected.v1'"
    )
    assert rejected == 5
    kept = await write.admin.fetch("SELECT content, detail FROM billing_intake_rejected")
    for row in kept:
        assert "Maisuradze" not in row["content"] + row["detail"]


async def test_a_rejected_message_delivered_again_is_kept_once(write: Write) -> None:
    broken = arrived(1, b"nonsense")
    await write.taking.take([broken])
    await write.taking.take([broken])
    assert await write.admin.fetchval("SELECT count(*) FROM billing_intake_rejected") == 1


async def test_a_rejected_message_holds_no_claim_so_its_mended_version_is_welcome(
    write: Write,
) -> None:
    await write.taking.take([arrived(1, encounter(services="none"), id_="m")])
    taken = await write.taking.take([arrived(2, encounter(), id_="m")])
    assert taken.taken_count == 1
    assert await write.admin.fetchval("SELECT count(*) FROM billing_inbox WHERE id = 'm'") == 1


async def test_text_that_postgres_cannot_store_is_rejected_alone(write: Write) -> None:
    reference = "a\u0000b"
    charge = {
        "account_id": naming.account_id("demo", PATIENT, "GEL"),
        "facility": "north",
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "reference": reference,
    }
    batch = [arrived(n, encounter(n)) for n in range(1, 400)]
    batch.insert(200, arrived(400, charge, type_=inbound.CAPTURE_CHARGE))
    taken = await write.taking.take(batch)
    assert (taken.taken_count, taken.rejected_count) == (399, 1)


@pytest.mark.parametrize("tenant", ["Demo", "démo", "_nobody", "a" * 64])
async def test_what_names_no_tenant_is_kept_for_nobody(tenant: str, write: Write) -> None:
    nobodys = arrived(1, encounter(), tenant=tenant)
    taken = await write.taking.take([nobodys, arrived(2, encounter())])
    assert (taken.settled, taken.again, taken.rejected_count) == ([0, 1], [], 1)
    kept = await list_rejected(write.pool, NOBODY)
    assert [repr(tenant) in message.detail for message in kept] == [True]


async def test_a_patient_whose_id_is_too_long_for_a_key_is_rejected_like_any_other(
    write: Write,
) -> None:
    patient_id = "".join(chr(0x4E00 + number) for number in range(1_900))
    taken = await write.taking.take([arrived(1, encounter(patient={"patient_id": patient_id}))])
    assert (taken.settled, taken.rejected_count) == ([0], 1)


@pytest.mark.parametrize("data", [encounter(), b"nonsense"])
async def test_without_postgres_nothing_is_taken_and_the_caller_is_told(
    data: object, write: Write
) -> None:
    away = await asyncpg.create_pool(host="127.0.0.1", port=1, min_size=0)
    taking = Taking(write.executor, away, stream="BILLING_INTAKE", prefix_tokens=0)
    with pytest.raises(LedgerUnavailable):
        await taking.take([arrived(1, data)])


async def _codes(write: Write) -> list[str]:
    rows = await write.admin.fetch("SELECT code FROM billing_intake_rejected ORDER BY rejection_id")
    return [row["code"] for row in rows]
