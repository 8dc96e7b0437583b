"""The API as one Litestar application; everything it works with is handed to it."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from services.api import (
    accounts,
    adjustments,
    aging,
    bill_health,
    charge_batches,
    charges,
    contacts,
    credit,
    dated_bills,
    documents,
    events,
    fhir,
    gl_exports,
    health,
    invoices,
    invoicing,
    monthly_bills,
    payment_methods,
    payments,
    period_bills,
    price_lists,
    prices,
    refunds,
    repo,
    reports,
    statement_runs,
    statements,
    suspensions,
    voids,
    workflow_runs,
)
from services.api.application import Application
from services.api.bill_calls import provide_bill_call
from services.api.body import BODY_BYTES_MAX
from services.api.calls import KEY, provide_call
from services.api.crowding import Crowd
from services.api.dependencies import Dependencies
from services.api.document import DESCRIPTION, JsonDocument
from services.api.endpoint import Endpoint
from services.api.failures import HANDLERS
from services.api.fittings import Fittings
from services.api.gate import Admission
from services.api.reading import provide_reading
from services.api.reference import Reference
from services.api.routes import immutable
from services.licences import UNLIMITED

ROUTES: Final = (
    accounts.open_account,
    accounts.list_accounts,
    accounts.get_account,
    accounts.get_account_ledger,
    statements.get_statement,
    contacts.record_contact,
    contacts.get_contact,
    suspensions.suspend_account,
    suspensions.reinstate_account,
    payment_methods.save_payment_method,
    payment_methods.list_payment_methods,
    payment_methods.remove_payment_method,
    credit.allocate_credit,
    credit.get_credit_allocation,
    adjustments.apply_adjustment,
    adjustments.get_adjustment,
    charges.capture_charge,
    charges.reverse_charge,
    charges.get_charge,
    gl_exports.request_gl_export,
    gl_exports.list_gl_exports,
    gl_exports.get_gl_export,
    gl_exports.get_gl_export_file,
    gl_exports.get_gl_export_manifest,
    charge_batches.capture_charges,
    invoicing.draft_invoice,
    invoicing.issue_invoice,
    events.get_events,
    invoices.list_invoices,
    invoices.get_invoice,
    voids.void_invoice,
    payments.post_payment,
    payments.list_payments,
    payments.get_payment,
    refunds.request_refund,
    refunds.list_refunds,
    refunds.get_refund,
    refunds.approve_refund,
    refunds.reject_refund,
    statement_runs.start_statement_run,
    statement_runs.list_statement_runs,
    statement_runs.get_statement_run,
    statement_runs.list_statement_failures,
    price_lists.publish_price_list,
    price_lists.list_price_lists,
    price_lists.get_price_list,
    prices.list_prices,
    reports.get_trial_balance,
    reports.get_revenue,
    aging.get_aging,
    aging.list_aged_accounts,
    aging.refresh_aging,
    workflow_runs.request_workflow_run,
    workflow_runs.list_workflow_runs,
    workflow_runs.get_workflow_run,
    workflow_runs.cancel_workflow_run,
    *dated_bills.ROUTES,
)

BOOKED: Final = (
    "/charges",
    "/charges/{charge_id:str}",
    "/payments",
    "/payments/{payment_id:str}",
    "/adjustments",
    "/adjustments/{adjustment_id:str}",
    "/refunds",
    "/refunds/{refund_id:str}",
    "/accounts/{account_id:str}/ledger",
)


def create_app(dependencies: Dependencies) -> Application:
    """The application; several can live in one process, each with a registry of its own."""
    fittings = Fittings(dependencies)
    app = Application(
        route_handlers=_routes(fittings.admission),
        middleware=[fittings.gate],
        exception_handlers=HANDLERS,
        before_send=[fittings.before_send],
        dependencies={
            name: Provide(_current(fittings, name), sync_to_thread=False) for name in fittings.given
        },
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=_document(),
        # Requests are logged by structlog, whose settings are the process's.
        logging_config=None,
    )
    app.fittings = fittings
    app.endpoints = {
        handler: Endpoint(handler, fittings)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if KEY in handler.opt
    }
    return app


def _current(fittings: Fittings, name: str) -> Callable[[], Any]:
    return lambda: fittings.given[name]


def routes_app() -> Litestar:
    """The routes alone, which work with nothing: what the published document is made from."""
    return Litestar(
        route_handlers=_routes(Admission(Crowd(), UNLIMITED)),
        dependencies={
            name: Provide(_nothing(name), sync_to_thread=False)
            for name in ("dependencies", "ledger", "feed")
        },
        openapi_config=_document(),
        logging_config=None,
    )


def _nothing(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise RuntimeError(f"this application only describes itself: it has no {name}")

    return refuse


def _routes(admission: Admission) -> list[ControllerRouterHandler]:
    v1 = Router(
        "/v1",
        route_handlers=[*ROUTES, immutable(*BOOKED)],
        middleware=[admission],
        dependencies={
            "call": provide_call,
            "reading": provide_reading,
            "bill_call": provide_bill_call,
        },
    )
    bills = Router(
        "/",
        route_handlers=[*monthly_bills.ROUTES, *period_bills.ROUTES],
        middleware=[admission],
        dependencies={"bill_call": provide_bill_call},
    )
    return [
        v1,
        bills,
        Router("/", route_handlers=[repo.sync_repo], middleware=[admission]),
        Router("/", route_handlers=fhir.ROUTES, middleware=[admission]),
        fhir.get_capability,
        bill_health.get_bill_health,
        documents.get_document,
        health.live,
        health.ready,
        health.metrics,
    ]


def _document() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Daybook",
        version=version("daybook"),
        description=DESCRIPTION,
        use_handler_docstrings=True,
        # The handler's own name, which no other has: clients name their methods after it.
        operation_id_creator=lambda handler, _method, _path: handler.handler_name.rpartition(".")[
            2
        ],
        render_plugins=[Reference(), JsonDocument()],
    )
