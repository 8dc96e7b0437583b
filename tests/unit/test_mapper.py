"""The mapper between our events and the eventsourcing library's rows, on the library's own
in-memory recorder, store, application and runner."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from eventsourcing.application import Application
from eventsourcing.compressor import ZlibCompressor
from eventsourcing.domain import DomainEvent, DomainEventProtocol
from eventsourcing.persistence import (
    EventStore,
    MapperDeserialisationError,
    StoredEvent,
    Tracking,
)
from eventsourcing.popo import POPOApplicationRecorder, POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from contracts import catalogue
from contracts.encounter import EncounterBilled, EncounterBilledV1, EncounterResumed
from contracts.event import Metadata
from contracts.ids import AccountId, EncounterId, InvoiceId
from contracts.invoice import InvoicePaid
from services.adapters.postgres.mapper import (
    CatalogueMapper,
    Recorded,
    frame,
    originator_id,
    split_originator_id,
)

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
PAID = InvoicePaid(
    invoice_id=InvoiceId("inv_1"),
    account_id=AccountId("acc_1"),
    settled_by="pay_1",
    settled_on=date(2026, 3, 1),
)
METADATA = Metadata(actor="user:ada", command="PostPayment", correlation_id="c1")
RECORDED = Recorded(
    originator_id="demo/inv_1", originator_version=3, timestamp=AT, metadata=METADATA, body=PAID
)
MAPPER = CatalogueMapper()


def test_a_recorded_event_is_a_domain_event_of_the_library() -> None:
    assert isinstance(RECORDED, DomainEventProtocol)
    assert (RECORDED.tenant, RECORDED.stream_id, RECORDED.event_id) == ("demo", "inv_1", "inv_1-3")


def test_the_topic_is_the_wire_type() -> None:
    assert MAPPER.to_stored_event(RECORDED).topic == "billing.invoice.paid.v1"


def test_an_event_comes_back_as_it_went() -> None:
    assert MAPPER.to_domain_event(MAPPER.to_stored_event(RECORDED)) == RECORDED


def test_the_state_holds_the_published_body_byte_for_byte() -> None:
    assert catalogue.encode(PAID) in MAPPER.to_stored_event(RECORDED).state


def test_a_retired_version_comes_back_as_the_current_one() -> None:
    old = EncounterBilledV1(
        encounter_id=EncounterId("enc_1"),
        account_id=AccountId("acc_1"),
        invoice_id=InvoiceId("inv_1"),
        charge_count=2,
    )
    row = MAPPER.to_stored_event(msgspec.structs.replace(RECORDED, body=old))
    assert row.topic == "billing.encounter.billed.v1"
    body = MAPPER.to_domain_event(row).body
    assert isinstance(body, EncounterBilled)
    assert body.invoice_ids == ("inv_1",)


BODY = catalogue.encode(PAID)
PLACE = msgspec.json.encode(METADATA)


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        ("billing.invoice.melted.v1", frame(AT, PLACE, BODY)),
        ("billing.invoice.paid.v2", frame(AT, PLACE, BODY)),
        ("contracts.invoice:InvoicePaid", frame(AT, PLACE, BODY)),
        ("billing.invoice.paid.v1", frame(AT, PLACE, b'{"invoice_id":"inv_1"}')),
        ("billing.invoice.paid.v1", frame(AT, b"{}", BODY)),
        ("billing.invoice.paid.v1", frame(AT, PLACE, BODY.replace(b'"', b"'", 1))),
        ("billing.invoice.paid.v1", frame(AT, PLACE, BODY.replace(b"acc_1", b"acc\xff1"))),
        ("billing.invoice.paid.v1", b"state1"),
        ("billing.invoice.paid.v1", b""),
    ],
)
def test_a_row_that_cannot_be_read_names_itself(topic: str, state: bytes) -> None:
    row = StoredEvent("demo/inv_1", 3, topic, state)
    with pytest.raises(MapperDeserialisationError, match="demo/inv_1-3"):
        MAPPER.to_domain_event(row)


def test_events_of_another_making_are_not_mapped() -> None:
    foreign: Any = DomainEvent(uuid4(), 1, AT)
    with pytest.raises(TypeError, match="DomainEvent"):
        MAPPER.to_stored_event(foreign)


def test_a_compressor_is_refused_rather_than_ignored() -> None:
    with pytest.raises(ValueError, match="no compressor"):
        CatalogueMapper(compressor=ZlibCompressor())


@pytest.mark.parametrize("text", ["inv_1", "/inv_1", "demo/", "", "/"])
def test_a_stream_is_named_with_its_tenant(text: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        split_originator_id(text)


def test_stream_names_can_be_taken_apart() -> None:
    assert split_originator_id(originator_id("demo", "inv_1")) == ("demo", "inv_1")


def test_the_librarys_store_keeps_our_events_in_memory() -> None:
    recorder = POPOApplicationRecorder()
    store = EventStore(MAPPER, recorder)
    later = msgspec.structs.replace(
        RECORDED, originator_version=4, body=EncounterResumed(encounter_id=EncounterId("enc_1"))
    )
    assert [recording.notification.id for recording in store.put([RECORDED, later])] == [1, 2]
    assert list(store.get("demo/inv_1")) == [RECORDED, later]
    assert [
        MAPPER.to_domain_event(notification)
        for notification in recorder.select_notifications(None, 10)
    ] == [RECORDED, later]


class InMemoryLog(Application[str]):
    """An application of the library whose events are ours."""

    env = {"MAPPER_TOPIC": "services.adapters.postgres.mapper:CatalogueMapper"}  # noqa: RUF012  # the library's way


class PaidInvoices(POPOTrackingRecorder):
    """How many invoices each account has paid."""

    def __init__(self) -> None:
        super().__init__()
        self.of_account: Counter[str] = Counter()

    def add(self, account_id: str, tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.of_account[account_id] += 1


class CountPaidInvoices(Projection[PaidInvoices]):
    """A projection as a user of the library writes it."""

    topics = ("billing.invoice.paid.v1",)

    def process_event(self, domain_event: Recorded, tracking: Tracking) -> None:
        match domain_event.body:
            case InvoicePaid(account_id=account_id):
                self.view.add(account_id, tracking)


def test_the_librarys_own_runner_feeds_a_projection_with_our_events() -> None:
    with ProjectionRunner(
        application_class=InMemoryLog,
        projection_class=CountPaidInvoices,
        view_class=PaidInvoices,
    ) as runner:
        (recording,) = runner.app.events.put([RECORDED])
        runner.wait(recording.notification.id)
        assert runner.projection.view.of_account == {"acc_1": 1}
