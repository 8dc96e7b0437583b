"""Event -> start or signal: all that the `sagas` consumer does, as a literal table."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final, NamedTuple

from contracts.catalogue import subject_parts
from contracts.event import Event
from contracts.invoice import InvoiceIssued
from contracts.period import PeriodClosed, PeriodStarted
from contracts.statement import StatementStarted
from services.sagas import workflow_ids
from services.sagas.bill_lifecycle import BillLifecycle
from services.sagas.bill_messages import BillWork, PeriodWork
from services.sagas.billing_period import BillingPeriod
from services.sagas.card_payment import CardPayment
from services.sagas.encounter import ChargeFromEncounter
from services.sagas.gl_export import GlExport
from services.sagas.invoice_collection import InvoiceCollection
from services.sagas.messages import (
    Collections,
    Encounters,
    ForgetMethod,
    GlExports,
    PayByCard,
    Remittances,
    SettleRefund,
    StatementRuns,
)
from services.sagas.method_removal import MethodRemoval
from services.sagas.refund_settlement import RefundSettlement
from services.sagas.remittance import RemittancePosting
from services.sagas.statement_run import StatementRun
from services.sagas.workflow_messages import WorkflowRunWork
from services.sagas.workflow_run import WorkflowRun

Work = (
    BillWork
    | PeriodWork
    | Collections
    | Encounters
    | ForgetMethod
    | GlExports
    | PayByCard
    | Remittances
    | SettleRefund
    | StatementRuns
    | WorkflowRunWork
)


class Saga(NamedTuple):
    """A process that streams of a kind start; `work` makes its input from their ids."""

    kind: str
    workflow: type[Any]
    work: Callable[[str, tuple[str, ...]], Work]
    alone: bool = False
    """Each stream has a workflow of its own, so that none waits for another's gateway."""
    again: bool = False
    """Whether it starts again, when its key comes again after it has ended."""
    final: bool = False
    """Whether nothing is left to do once it has completed, whatever is signalled later."""
    is_configured: bool = False
    """Whether it runs code of a config project, which has a task queue of its own."""

    @property
    def name(self) -> str:
        """The business name, as the workflow type and the metrics have it."""
        return str(self.workflow.__name__)


def _encounters(tenant: str, stream_ids: tuple[str, ...]) -> Encounters:
    return Encounters(tenant=tenant, encounter_ids=stream_ids)


def _remittances(tenant: str, stream_ids: tuple[str, ...]) -> Remittances:
    return Remittances(tenant=tenant, remittance_ids=stream_ids)


def _gl_exports(tenant: str, stream_ids: tuple[str, ...]) -> GlExports:
    return GlExports(tenant=tenant, gl_export_ids=stream_ids)


def _card_payment(tenant: str, stream_ids: tuple[str, ...]) -> PayByCard:
    (payment_id,) = stream_ids
    return PayByCard(tenant=tenant, payment_id=payment_id)


def _refund(tenant: str, stream_ids: tuple[str, ...]) -> SettleRefund:
    (refund_id,) = stream_ids
    return SettleRefund(tenant=tenant, refund_id=refund_id)


def _removal(tenant: str, stream_ids: tuple[str, ...]) -> ForgetMethod:
    (method_id,) = stream_ids
    return ForgetMethod(tenant=tenant, payment_method_id=method_id)


def _statement_run(tenant: str, run_ids: tuple[str, ...]) -> StatementRuns:
    (run_id,) = run_ids
    return StatementRuns(tenant=tenant, run_id=run_id)


def _collections(tenant: str, due_dates: tuple[str, ...]) -> Collections:
    (due_on,) = due_dates
    return Collections(tenant=tenant, due_on=date.fromisoformat(due_on))


def _bill(tenant: str, stream_ids: tuple[str, ...]) -> BillWork:
    (bill_id,) = stream_ids
    return BillWork(tenant=tenant, bill_id=bill_id)


def _period(tenant: str, period_ids: tuple[str, ...]) -> PeriodWork:
    (period_id,) = period_ids
    return PeriodWork(tenant=tenant, period_id=period_id)


def _workflow_run(tenant: str, stream_ids: tuple[str, ...]) -> WorkflowRunWork:
    (run_id,) = stream_ids
    return WorkflowRunWork(tenant=tenant, workflow_run_id=run_id)


RESUME: Final = "resume"
WAKE: Final = "wake"
DECIDED: Final = "decided"
TOTALS_CHANGED: Final = "totals_changed"
CLOSE_PERIOD: Final = "close_period"
CANCEL: Final = "cancel"
CHARGE_FROM_ENCOUNTER: Final = Saga(workflow_ids.ENCOUNTER, ChargeFromEncounter, _encounters)
REMITTANCE_POSTING: Final = Saga(workflow_ids.REMITTANCE, RemittancePosting, _remittances)
GL_EXPORT: Final = Saga(workflow_ids.GL_EXPORT, GlExport, _gl_exports)
CARD_PAYMENT: Final = Saga(workflow_ids.CARD_PAYMENT, CardPayment, _card_payment, alone=True)
REFUND_SETTLEMENT: Final = Saga(workflow_ids.REFUND, RefundSettlement, _refund, alone=True)
METHOD_REMOVAL: Final = Saga(workflow_ids.PAYMENT_METHOD, MethodRemoval, _removal, alone=True)
STATEMENT_RUN: Final = Saga(workflow_ids.STATEMENT_RUN, StatementRun, _statement_run)
INVOICE_COLLECTION: Final = Saga(
    workflow_ids.COLLECTION, InvoiceCollection, _collections, again=True
)
BILL_LIFECYCLE: Final = Saga(workflow_ids.BILL, BillLifecycle, _bill, alone=True, final=True)
BILLING_PERIOD: Final = Saga(workflow_ids.PERIOD, BillingPeriod, _period, alone=True, final=True)

WORKFLOW_RUN: Final = Saga(
    workflow_ids.WORKFLOW_RUN,
    WorkflowRun,
    _workflow_run,
    alone=True,
    final=True,
    is_configured=True,
)


class Start(NamedTuple):
    """Start the saga for the event's stream; the events of a batch share a workflow.

    Where `key` names something else than the stream, that has a workflow of its own.
    """

    saga: Saga
    key: Callable[[Any], str] | None = None


class Signal(NamedTuple):
    """Signal the workflows that wait for what happened, as `saga_waits` has it.

    `keys` are the names of what happened. When nobody waits for it, `or_start` starts the stream's
    own workflow, or that of the `key` where it names something else.
    """

    saga: Saga
    signal: str
    keys: Callable[[str, Any], tuple[str, ...]]
    or_start: bool
    key: Callable[[Any], str] | None = None


def _stream(stream_id: str, _event: Event) -> tuple[str, ...]:
    return (stream_id,)


def _invoice(_stream_id: str, event: InvoiceIssued) -> tuple[str, ...]:
    return (event.invoice_id, event.number)


def _run_id(event: StatementStarted) -> str:
    return event.run_id


def _due_on(event: InvoiceIssued) -> str:
    return event.due_on.isoformat()


def _period_id(event: PeriodStarted | PeriodClosed) -> str:
    return event.period_id


def _nobody(_stream_id: str, _event: Event) -> tuple[str, ...]:
    """No workflow waits for it but the one that is about it."""
    return ()


_BILL_CHANGED: Final = Signal(BILL_LIFECYCLE, TOTALS_CHANGED, _nobody, or_start=True)
_BILL_SETTLED: Final = Signal(BILL_LIFECYCLE, WAKE, _stream, or_start=False)
"""Of a payment or an invoice that a frozen bill waits for; most are no bill's."""

TABLE: Final[dict[str, Start | Signal]] = {
    "billing.encounter.received.v1": Start(CHARGE_FROM_ENCOUNTER),
    "billing.encounter.resumed.v1": Signal(CHARGE_FROM_ENCOUNTER, RESUME, _stream, or_start=True),
    "billing.remittance.received.v1": Start(REMITTANCE_POSTING),
    "billing.gl_export.requested.v1": Start(GL_EXPORT),
    "billing.payment.initiated.v1": Start(CARD_PAYMENT),
    "billing.refund.requested.v1": Start(REFUND_SETTLEMENT),
    "billing.refund.approved.v1": Signal(REFUND_SETTLEMENT, DECIDED, _stream, or_start=True),
    "billing.refund.rejected.v1": Signal(REFUND_SETTLEMENT, DECIDED, _stream, or_start=True),
    "billing.payment_method.removed.v1": Start(METHOD_REMOVAL),
    "billing.statement.started.v1": Start(STATEMENT_RUN, _run_id),
    "billing.bill.created.v1": Start(BILL_LIFECYCLE),
    "billing.bill.activated.v1": _BILL_CHANGED,
    "billing.bill.line_item_added.v1": _BILL_CHANGED,
    "billing.bill.closing.v1": Signal(BILL_LIFECYCLE, WAKE, _nobody, or_start=True),
    "billing.payment.posted.v1": _BILL_SETTLED,
    "billing.payment.failed.v1": _BILL_SETTLED,
    "billing.invoice.paid.v1": _BILL_SETTLED,
    "billing.period.started.v1": Start(BILLING_PERIOD, _period_id),
    "billing.period.closed.v1": Signal(
        BILLING_PERIOD, CLOSE_PERIOD, _nobody, or_start=True, key=_period_id
    ),
    "billing.workflow_run.requested.v1": Start(WORKFLOW_RUN),
    "billing.workflow_run.cancel_requested.v1": Signal(
        WORKFLOW_RUN, CANCEL, _nobody, or_start=True
    ),
    "billing.invoice.issued.v1": Signal(REMITTANCE_POSTING, WAKE, _invoice, or_start=False),
}
ALSO: Final = {"billing.invoice.issued.v1": Start(INVOICE_COLLECTION, _due_on)}
"""What an event starts besides."""
SAGAS: Final = {
    saga.kind: saga
    for saga in (
        CHARGE_FROM_ENCOUNTER,
        REMITTANCE_POSTING,
        GL_EXPORT,
        CARD_PAYMENT,
        REFUND_SETTLEMENT,
        METHOD_REMOVAL,
        STATEMENT_RUN,
        INVOICE_COLLECTION,
        BILL_LIFECYCLE,
        BILLING_PERIOD,
        WORKFLOW_RUN,
    )
}


def filter_subjects() -> tuple[str, ...]:
    """The subjects of the table's events, of every tenant and partition."""
    return tuple(".".join(("billing", "*", "*", *subject_parts(type_))) for type_ in TABLE)
