"""What the intake does with a batch of messages, over a real Postgres."""

from typing import Any

import asyncpg
import pytest

from contracts import inbound
from contracts.catalogue import decode
from domain import naming
from services.execute.attempt import LedgerUnavailable
from services.intake import rejecting, translation
from services.intake.reading import NOBODY, Arrived
from services.intake.rejected import NoSuchRejection, list_rejected
from services.intake.rejecting import Rejection
from services.intake.taking import Taking
from services.sealing import find_keys, open_sealed
from tests.fixtures.intake import Write, arrived, rejected_codes

PATIENT = "p-1"


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
    assert await rejected_codes(write) == ["IDEMPOTENCY_KEY_REUSED"]


async def test_a_namesake_with_other_content_is_rejected_and_not_dropped(write: Write) -> None:
    await write.taking.take([arrived(1, encounter())])
    taken = await write.taking.take([arrived(2, encounter(facility="south"))])
    assert taken.rejected_count == 1
    assert await rejected_codes(write) == ["ALREADY_EXISTS"]


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
    assert [repr(tenant) in message.detail for message in kept.items] == [True]


async def test_rejected_messages_are_listed_page_by_page_and_none_is_left_out(
    write: Write,
) -> None:
    # Of one batch all have the same instant: the page's end is told by the id.
    await write.taking.take([arrived(number, b"nonsense") for number in range(1, 6)])
    await write.taking.take([arrived(number, b"nonsense") for number in range(6, 8)])
    await write.taking.take([arrived(8, b"nonsense", tenant="other")])
    everything = await list_rejected(write.pool, "demo")
    assert (len(everything.items), everything.more, everything.next) == (7, 0, None)
    seen: list[str] = []
    after, left = None, []
    while True:
        page = await list_rejected(write.pool, "demo", limit=3, after=after)
        seen += [message.rejection_id for message in page.items]
        left.append(page.more)
        after = page.next
        if after is None:
            break
    assert seen == [message.rejection_id for message in everything.items]
    assert left == [4, 1, 0]
    assert (await list_rejected(write.pool, "demo", status="discarded")).items == []
    with pytest.raises(NoSuchRejection):
        await list_rejected(write.pool, "other", after=seen[0])


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


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_instants_beyond_the_calendar_harm_nobody_else(time: str, write: Write) -> None:
    remittance = {
        "remittance_id": "era-1",
        "payer": "Blue",
        "total": {"amount": "0", "currency": "GEL"},
        "claims": [{"claim_id": "c-1", "paid": {"amount": "0", "currency": "GEL"}}],
    }
    timed = arrived(3, remittance, type_=inbound.REMITTANCE_RECEIVED)
    batch = [
        arrived(1, encounter(1)),
        arrived(2, encounter(2, closed_at=time)),
        timed._replace(headers={**(timed.headers or {}), "ce-time": time}),
        arrived(4, encounter(4)),
    ]
    taken = await write.taking.take(batch)
    assert (taken.settled, taken.taken_count, taken.rejected_count) == ([0, 1, 2, 3], 2, 2)
    assert await rejected_codes(write) == ["VALIDATION_FAILED"] * 2


@pytest.mark.parametrize("failing", ["envelope_of", "decode", "seal"])
async def test_a_message_that_we_fail_at_is_rejected_and_the_others_are_taken(
    failing: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the fault: here one that only the message of patient p-bad sets off."""
    place: Any
    place, marked = {
        "envelope_of": (translation, 0),
        "decode": (inbound, 1),
        "seal": (translation, 2),
    }[failing]
    original = getattr(place, failing)

    def faulty(*args: Any) -> Any:
        if "p-bad" in repr(args[marked]):
            raise OverflowError("beyond what anybody thought of")
        return original(*args)

    monkeypatch.setattr(place, failing, faulty)
    bad = encounter(2, patient={"patient_id": "p-bad", "name": "B. Bad"})
    batch = [arrived(1, encounter(1)), arrived(2, bad), arrived(3, encounter(3))]
    taken = await write.taking.take(batch)
    assert (taken.settled, taken.taken_count, taken.rejected_count) == ([0, 1, 2], 2, 1)
    assert await rejected_codes(write) == ["INTERNAL"]


async def test_a_rejection_that_cannot_be_kept_comes_again_and_stops_nobody(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = rejecting.envelope_of

    def faulty(rejection: Rejection, *args: Any) -> Any:
        if rejection.arrived.sequence == 2:
            raise OverflowError("beyond what anybody thought of")
        return original(rejection, *args)

    monkeypatch.setattr(rejecting, "envelope_of", faulty)
    batch = [arrived(1, encounter(1)), arrived(2, b"nonsense"), arrived(3, b"nonsense")]
    taken = await write.taking.take(batch)
    assert (taken.settled, taken.again, taken.rejected_count) == ([0, 2], [1], 1)


async def test_a_patient_without_a_key_is_rejected_alone(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a name ever be read that Postgres does not take."""
    original = translation.subjects_of

    def lenient(message: Any) -> set[str]:
        return {"NUL\0" if named == "p-bad" else named for named in original(message)}

    monkeypatch.setattr(translation, "subjects_of", lenient)
    bad = encounter(2, patient={"patient_id": "p-bad", "name": "B. Bad"})
    taken = await write.taking.take(
        [arrived(1, encounter(1)), arrived(2, bad), arrived(3, encounter(3))]
    )
    assert (taken.settled, taken.taken_count, taken.rejected_count) == ([0, 1, 2], 2, 1)


@pytest.mark.parametrize("name", ["correlationid", "traceparent"])
async def test_what_events_carry_on_must_fit_their_headers(name: str, write: Write) -> None:
    """Longer ones would stop the relay: no event that follows from them could be published."""
    long, longest = arrived(1, encounter(1)), arrived(2, encounter(2))
    batch = [
        long._replace(headers={**(long.headers or {}), f"ce-{name}": "x" * 1_001}),
        longest._replace(headers={**(longest.headers or {}), f"ce-{name}": "x" * 1_000}),
    ]
    taken = await write.taking.take(batch)
    assert (taken.taken_count, taken.rejected_count) == (1, 1)


async def test_headers_of_any_kind_are_kept(write: Write) -> None:
    odd = {"\udcff": "\udcfe\0", "ce-id": "\ud800", "ce-" + "x" * 5_000: "1", "": ""}
    taken = await write.taking.take([Arrived("intake.demo.a.b\ufffd.v1", odd, b"{}", 1)])
    assert (taken.settled, taken.rejected_count) == ([0], 1)
