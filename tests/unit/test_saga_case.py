"""An encounter on its way to being billed: what is noted of it fits one event."""

from datetime import UTC, date, datetime

from contracts.catalogue import encode
from contracts.encounter import EncounterAttentionRequired, EncounterReceived, EncounterService
from contracts.event import BODY_BYTES_MAX, Metadata
from contracts.ids import EncounterId
from contracts.inbound import SERVICES_MAX
from services.execute.envelope import Refused
from services.sagas.case import Case, case_of
from services.sagas.ledger import Source

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
    return case_of(Source("demo", encounter.encounter_id, encounter, b"", CAUSE, None))


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
