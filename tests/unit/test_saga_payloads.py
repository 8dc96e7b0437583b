"""Payloads: structs by msgspec, sealed under the tenant's key before they leave."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    WorkflowSerializationContext,
)

from services.sagas.codec import (
    ENCODING,
    SUBJECT,
    PayloadKeyMissing,
    PayloadKeys,
    PayloadUnsealable,
    SealedPayloads,
)
from services.sagas.converter import PLAIN, sealed_by
from services.sagas.messages import Encounters, Remittances

WORK = Encounters(tenant="demo", encounter_ids=("enc_1", "enc_2"))


class Keys(PayloadKeys):
    """Keys in memory."""

    def __init__(self) -> None:
        self.keys = {"demo": b"d" * 32, "other": b"o" * 32}

    async def to_seal(self, tenant: str, subject: str = SUBJECT) -> bytes:
        return self.keys[tenant]

    async def to_open(self, tenant: str, subject: str = SUBJECT) -> bytes:
        if tenant not in self.keys:
            raise PayloadKeyMissing(tenant)
        return self.keys[tenant]


def converter_of(keys: Keys, workflow_id: str = "encounter/demo/enc_1") -> DataConverter:
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)
    return sealed_by(SealedPayloads(keys)).with_context(context)


@pytest.mark.parametrize(
    "work",
    [
        WORK,
        Remittances(
            tenant="demo",
            remittance_ids=("rem_1",),
            waiting_since=datetime(2026, 3, 2, 12, tzinfo=UTC),
            parked_too=True,
        ),
    ],
)
async def test_structs_go_there_and_back(work: Any) -> None:
    for converter in (PLAIN, converter_of(Keys())):
        payloads = await converter.encode([work])
        assert await converter.decode(payloads, [type(work)]) == [work]


async def test_nothing_is_readable_without_the_key() -> None:
    [payload] = await converter_of(Keys()).encode([WORK])
    assert payload.metadata["encoding"] == ENCODING
    assert b"enc_1" not in payload.SerializeToString()


async def test_the_same_payload_is_never_sealed_alike() -> None:
    converter = converter_of(Keys())
    assert (await converter.encode([WORK]))[0].data != (await converter.encode([WORK]))[0].data


async def test_activities_seal_for_the_tenant_of_their_workflow() -> None:
    context = ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="charge_encounters",
        activity_task_queue="daybook",
        workflow_id="encounters/other/1-2",
        workflow_type="ChargeFromEncounter",
        is_local=False,
    )
    [payload] = await sealed_by(SealedPayloads(Keys())).with_context(context).encode([WORK])
    assert payload.metadata["tenant"] == b"other"


async def test_a_deleted_key_leaves_payloads_unreadable() -> None:
    keys = Keys()
    payloads = await converter_of(keys).encode([WORK])
    del keys.keys["demo"]
    with pytest.raises(PayloadKeyMissing):
        await converter_of(keys).decode(payloads, [Encounters])


async def test_a_payload_that_was_changed_or_mixed_up_does_not_open() -> None:
    converter = converter_of(Keys())
    [payload] = await converter.encode([WORK])
    payload.metadata["tenant"] = b"other"
    with pytest.raises(PayloadUnsealable):
        await converter.decode([payload], [Encounters])
    [payload] = await converter.encode([WORK])
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
    with pytest.raises(PayloadUnsealable):
        await converter.decode([payload], [Encounters])


async def test_payloads_of_a_foreign_workflow_are_not_sealed_by_guess() -> None:
    with pytest.raises(ValueError, match="is no workflow id"):
        await converter_of(Keys(), workflow_id="somebody-elses").encode([WORK])
