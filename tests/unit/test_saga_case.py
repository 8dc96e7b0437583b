"""An encounter on its way to being billed: what is noted of it fits one event."""

from datetime import UTC, date, datetime

from contracts.catalogue import encode
from contracts.encounter import EncounterAttentionRequired, EncounterReceived, EncounterService
from contracts.event import BODY_BYTES_MAX, Metadata
from contracts.ids import ChargeId, EncounterId
from contracts.inbound import SERVICES_MAX
from domain.invoice import CreateDraftInvoice
from domain.rejections import ChargeNotOpen
from services.execute.envelope import Refused
from services.sagas.case import Case, case_of, invoicing
from services.sagas.ledger import Source
from services.sagas.settings import SagaSettings

CAUSE = Metadata(actor="bus:/ehr", command="RecordEncounter", correlation_id="c-1")
LONG = Refused(code="PRICE_NOT_FOUND", detail="€" * 2_000)


def a_case(services: int) -> Case:
    service = EncounterService(code="A", system="urn:s", quantity=1, service_on=date(2026, 3, 2))
    encounter = EncounterReceived(
        encounter_id=EncounterId("enc_1"),
        encounter_ref="e-1",
        patient_id="p-1",
        facility="north",
        currency="USD",
        language="en",
        closed_at=datetime(2026, 3, 2, tzinfo=UTC),
        services=(service,) * services,
    )
    return case_of(
        Source("demo", encounter.encounter_id, encounter, b"", CAUSE, None, encounter.closed_at)
    )


def test_long_problems_of_very_many_services_fit_one_event() -> None:
    case = a_case(SERVICES_MAX)
    for line in range(SERVICES_MAX):
        case.refused(LONG, line)
    case.refused(LONG)
    parked = EncounterAttentionRequired(
        encounter_id=case.encounter_id, problems=tuple(case.problems)
    )
    assert [problem.line for problem in case.problems] == list(range(SERVICES_MAX))
    assert len(encode(parked)) <= BODY_BYTES_MAX


def test_a_problem_of_a_few_services_is_told_whole() -> None:
    case = a_case(3)
    case.refused(LONG, 1)
    assert [problem.detail for problem in case.problems] == [LONG.detail]


def test_a_charge_that_somebody_reversed_is_left_out_of_the_invoice() -> None:
    case = a_case(2)
    case.captured = [ChargeId("chg_1"), ChargeId("chg_2")]
    draft, issue = invoicing(case, {"chg_2"}, {}, SagaSettings())
    assert isinstance(draft.command, CreateDraftInvoice)
    assert draft.command.charge_ids == ("chg_2",)
    assert issue.command.invoice_id == draft.command.invoice_id


def test_an_encounter_whose_charges_were_all_reversed_has_no_invoice() -> None:
    case = a_case(1)
    case.captured = [ChargeId("chg_1")]
    assert list(invoicing(case, set(), {}, SagaSettings())) == []


def test_a_charge_reversed_between_look_and_draft_is_looked_at_again() -> None:
    case = a_case(1)
    case.moved(Refused(code=ChargeNotOpen.code, detail="charge chg_1 was reversed"))
    assert case.again == "charge chg_1 was reversed"
    assert case.problems == []
