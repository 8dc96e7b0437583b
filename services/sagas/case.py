"""An encounter on its way to being billed, and the steps that charge, invoice and close it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.encounter import EncounterReceived, ServiceProblem
from contracts.ids import AccountId, ChargeId, EncounterId, InvoiceId
from contracts.inbound import SERVICES_MAX
from domain import naming
from domain.account import OpenAccount
from domain.charge import CaptureCharge
from domain.encounter import FinishEncounter, ParkEncounter
from domain.invoice import CreateDraftInvoice, Draft, IssueInvoice
from services.execute.envelope import Refused
from services.sagas.ledger import Source
from services.sagas.settings import SagaSettings
from services.sagas.steps import Step

# All problems of an encounter must fit one event; a letter may take four bytes. The code says what
# is wrong and the line where, so that a detail which is cut is still enough.
_DETAIL_LETTERS_MAX: Final = 100_000
# Somebody else put a charge on an invoice, or drafted this one, between our look and our step.
_MOVED: Final = frozenset({"NOT_FOUND", "ALREADY_EXISTS", "STATE_CONFLICT"})


@dataclass(slots=True)
class Case:
    """An encounter that is being charged."""

    source: Source
    account_id: AccountId
    problems: list[ServiceProblem] = field(default_factory=list)
    captured: list[ChargeId] = field(default_factory=list)
    invoices: list[InvoiceId] = field(default_factory=list)
    again: str | None = None

    @property
    def encounter(self) -> EncounterReceived:
        """What was recorded."""
        event: EncounterReceived = self.source.event
        return event

    @property
    def encounter_id(self) -> EncounterId:
        """Its stream."""
        return self.encounter.encounter_id

    def refused(self, refused: Refused, line: int | None = None) -> None:
        """Note a refusal: to be tried again, or a problem of one line or of all of them."""
        if refused.transient:
            self.again = refused.detail
            return
        lines = range(max(1, len(self.encounter.services))) if line is None else (line,)
        detail = refused.detail[: _DETAIL_LETTERS_MAX // max(1, len(self.encounter.services))]
        problems = [ServiceProblem(line=line, code=refused.code, detail=detail) for line in lines]
        self.problems += problems[: SERVICES_MAX - len(self.problems)]

    def moved(self, refused: Refused) -> None:
        """Note a refusal of an invoice: look again when others changed it, otherwise park."""
        if refused.code in _MOVED:
            self.again = refused.detail
        else:
            self.refused(refused)


def case_of(source: Source) -> Case:
    """The case of a recorded encounter."""
    encounter: EncounterReceived = source.event
    account_id = naming.account_id(source.tenant, encounter.patient_id, encounter.currency)
    return Case(source, account_id)


def capturing(case: Case) -> Iterator[Step]:
    """Open the account, then a step for each service."""
    encounter = case.encounter
    yield Step(
        case.source,
        "open",
        OpenAccount(
            account_id=case.account_id,
            patient_id=encounter.patient_id,
            name=encounter.patient_name,
            facility=encounter.facility,
            currency=encounter.currency,
            language=encounter.language,
            unless_open=True,
        ),
    )
    for line, service in enumerate(encounter.services):
        yield Step(
            case.source,
            f"capture/{line}",
            CaptureCharge(
                charge_id=naming.encounter_charge_id(case.encounter_id, line),
                account_id=case.account_id,
                facility=encounter.facility,
                code=service.code,
                system=service.system,
                modifiers=service.modifiers,
                quantity=service.quantity,
                service_on=service.service_on,
                currency=encounter.currency,
                unit_price=service.unit_price,
                encounter_id=case.encounter_id,
            ),
        )


def invoicing(
    case: Case, still_open: set[str], states: dict[str, Any], settings: SagaSettings
) -> Iterator[Step]:
    """Put what is on no invoice yet on the next one, and issue what is a draft."""
    drafts = [found for found in case.invoices if isinstance(states[found], Draft)]
    charges = tuple(charge for charge in case.captured if charge in still_open)
    if charges:
        number = len(case.invoices)
        invoice_id = naming.encounter_invoice_id(case.encounter_id, number)
        command = CreateDraftInvoice(
            invoice_id=invoice_id,
            account_id=case.account_id,
            facility=case.encounter.facility,
            charge_ids=charges,
        )
        yield Step(case.source, f"draft/{number}", command)
        case.invoices.append(invoice_id)
        drafts.append(invoice_id)
    if settings.encounter_invoice == "draft":
        return
    for invoice_id in drafts:
        command_issue = IssueInvoice(
            invoice_id=invoice_id, account_id=case.account_id, due_days=settings.due_days
        )
        yield Step(case.source, f"issue/{case.invoices.index(invoice_id)}", command_issue)


def closing(case: Case) -> Step:
    """Park it when something could not be charged, otherwise finish it."""
    if case.problems:
        parked = ParkEncounter(encounter_id=case.encounter_id, problems=tuple(case.problems))
        return Step(case.source, f"park/{case.source.state.resumed}", parked)
    finished = FinishEncounter(
        encounter_id=case.encounter_id,
        account_id=case.account_id,
        invoice_ids=tuple(case.invoices),
        charge_count=len(case.encounter.services),
    )
    return Step(case.source, "finish", finished)
