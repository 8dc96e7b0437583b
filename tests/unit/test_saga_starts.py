"""What the consumer makes of a batch of events: which workflows, with which streams in them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from contracts.bus import source_of
from contracts.catalogue import CATALOGUE, decode
from services.feeding import Noted, noted
from services.sagas import workflow_ids
from services.sagas.meaning import (
    BYTES_PER_WORKFLOW_MAX,
    Target,
    happenings,
    signals_of,
    starts,
)
from services.sagas.table import TABLE, Signal, Start, filter_subjects
from services.sagas.waits import Wait
from tests.fixtures.golden import golden_body

RESUMED = "billing.encounter.resumed.v1"
ENCOUNTER = "billing.encounter.received.v1"
REMITTANCE = "billing.remittance.received.v1"


def event(position: int, type_: str = ENCOUNTER, tenant: str = "demo", size: int = 100) -> Noted:
    return Noted(
        position=position,
        tenant=tenant,
        type=type_,
        stream_id=f"s{position}",
        body=b" " * size,
        recorded_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


def started(events: list[Noted], streams_max: int = 100) -> list[tuple[str, list[str]]]:
    return [(key, streams) for _, _, key, streams in starts(events, streams_max)]


def test_the_table_names_events_that_there_are() -> None:
    assert set(TABLE) <= {entry.wire_type for entry in CATALOGUE}
    assert {type(meaning) for meaning in TABLE.values()} == {Start, Signal}


def test_the_filter_takes_the_tables_events_of_every_tenant_and_partition() -> None:
    assert "billing.*.*.encounter.received.v1" in filter_subjects()
    assert len(filter_subjects()) == len(TABLE)


def test_events_of_a_batch_share_a_workflow_named_by_its_positions() -> None:
    assert started([event(7), event(9), event(12)]) == [
        ("encounters/demo/7-12", ["s7", "s9", "s12"])
    ]


def test_a_single_event_has_the_workflow_of_its_stream() -> None:
    assert started([event(7)]) == [("encounter/demo/s7", ["s7"])]


def test_tenants_and_sagas_do_not_share() -> None:
    batch = [event(1), event(2, tenant="other"), event(3, REMITTANCE), event(4)]
    assert started(batch) == [
        ("encounters/demo/1-4", ["s1", "s4"]),
        ("encounter/other/s2", ["s2"]),
        ("remittance/demo/s3", ["s3"]),
    ]


def test_a_workflow_has_only_so_many_streams() -> None:
    keys = [key for key, _ in started([event(n) for n in range(1, 6)], streams_max=2)]
    assert keys == ["encounters/demo/1-2", "encounters/demo/3-4", "encounter/demo/s5"]


def test_long_events_share_with_fewer() -> None:
    half = BYTES_PER_WORKFLOW_MAX // 2
    batch = [event(1, size=half), event(2, size=half), event(3, size=half), event(4, size=10**7)]
    assert [streams for _, streams in started(batch)] == [["s1", "s2"], ["s3"], ["s4"]]


def test_what_only_signals_starts_nothing() -> None:
    assert started([event(1, RESUMED)]) == []


def test_invoices_of_one_due_date_start_one_collection() -> None:
    issued = event(1, "billing.invoice.issued.v1")._replace(
        body=golden_body("billing.invoice.issued.v1")
    )
    due_on = decode(issued.type, issued.body).due_on.isoformat()  # type: ignore[attr-defined]  # an invoice's
    assert started([issued, issued._replace(position=2)]) == [
        (f"collection/demo/{due_on}", [due_on])
    ]


def test_a_run_of_statements_has_a_workflow_of_its_own() -> None:
    began = event(1, "billing.statement.started.v1")._replace(
        body=golden_body("billing.statement.started.v1")
    )
    ((key, (run_id,)),) = started([began])
    assert key == f"statement-run/demo/{run_id}"


def resumed(position: int, tenant: str = "demo") -> Noted:
    body = f'{{"encounter_id": "s{position}"}}'.encode()
    return event(position, RESUMED, tenant)._replace(body=body)


def test_a_workflow_is_signalled_once_for_all_that_it_waits_for() -> None:
    happened = list(happenings([resumed(1), resumed(2), resumed(3)]))
    one, two, three = happened
    waiting = [Wait("demo", "s1", "w1"), Wait("demo", "s2", "w1"), Wait("demo", "s2", "w2")]
    assert signals_of(happened, waiting) == {
        Target("demo", "w1", "resume"): [one, two],
        Target("demo", "w2", "resume"): [two],
        Target("demo", "", "resume"): [three],
    }


def test_a_wait_of_another_tenant_is_not_woken() -> None:
    happened = list(happenings([resumed(1, tenant="other")]))
    assert list(signals_of(happened, [Wait("demo", "s1", "w1")])) == [Target("other", "", "resume")]


class Message(NamedTuple):
    """What the consumer reads of a delivery."""

    sequence: int
    headers: Mapping[str, str]
    payload: bytes


def test_a_message_of_the_relay_is_read() -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "enc_1-1",
        "ce-source": source_of("demo"),
        "ce-type": ENCOUNTER,
        "ce-time": "2026-03-02T00:00:00.000000Z",
        "ce-subject": "enc_1",
        "ce-datacontenttype": "application/json",
    }
    assert noted(Message(41, headers, b"{}")) == Noted(
        41, "demo", ENCOUNTER, "enc_1", b"{}", datetime(2026, 3, 2, tzinfo=UTC)
    )


def test_workflow_ids_say_what_they_are_of() -> None:
    own = workflow_ids.of_one("encounter", "demo", "enc_1")
    assert workflow_ids.read(own) == ("encounter", "demo", "enc_1")
    together = workflow_ids.of_batch("encounter", "t" * 63, 2**62, 2**63)
    assert workflow_ids.read(together).tenant == "t" * 63
    assert len(together) < 255


@pytest.mark.parametrize("other", ["", "encounter", "encounter/demo", "encounter//x", "a/b/"])
def test_other_workflow_ids_are_refused(other: str) -> None:
    with pytest.raises(ValueError, match="is no workflow id"):
        workflow_ids.read(other)


def test_each_payment_and_refund_has_a_workflow_of_its_own() -> None:
    events = [event(n, "billing.payment.initiated.v1") for n in (7, 9)]
    assert started([*events, event(11, "billing.refund.requested.v1")]) == [
        ("card-payment/demo/s7", ["s7"]),
        ("card-payment/demo/s9", ["s9"]),
        ("refund/demo/s11", ["s11"]),
    ]
