"""Exports of the general ledger: asked for, then done or failed once."""

from datetime import date

import msgspec

from contracts.gl_export import (
    GlExportCompleted,
    GlExportFailed,
    GlExportFormat,
    GlExportRequested,
)
from contracts.ids import GlExportId
from contracts.money import MoneyInvalid, exponent
from domain.book import Book
from domain.decider import Decider, Decision, Rejected
from domain.rejections import AlreadyExists, CurrencyUnsupported, Invalid, NotFound


class RequestGlExport(msgspec.Struct, frozen=True, kw_only=True):
    """Export the entries of a period; `position` cuts the log, `layout` names an ERP layout."""

    gl_export_id: GlExportId
    booked_from: date
    booked_to: date
    format: GlExportFormat
    facility: str | None = None
    currency: str | None = None
    position: int | None = None
    layout: str | None = None


class CompleteGlExport(msgspec.Struct, frozen=True, kw_only=True):
    """Record what lies in the object store."""

    completed: GlExportCompleted

    @property
    def gl_export_id(self) -> GlExportId:
        """Which export."""
        return self.completed.gl_export_id


class FailGlExport(msgspec.Struct, frozen=True, kw_only=True):
    """Record what stands against an export."""

    gl_export_id: GlExportId
    code: str
    detail: str


GlExportCommand = RequestGlExport | CompleteGlExport | FailGlExport


class Requested(msgspec.Struct, frozen=True, kw_only=True, tag="requested"):
    """Asked for, and worked on."""

    request: GlExportRequested


class Completed(msgspec.Struct, frozen=True, kw_only=True, tag="completed"):
    """In the object store."""

    request: GlExportRequested
    completed: GlExportCompleted


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Given up."""

    request: GlExportRequested
    failed: GlExportFailed


GlExportState = Requested | Completed | Failed
GlExportEvent = GlExportRequested | GlExportCompleted | GlExportFailed


class GlExportEnded(Rejected):
    """It was completed or has failed: ask for another one."""


def decide(command: GlExportCommand, book: Book) -> Decision:
    """Ask once, end once; a repeat of either decides nothing."""
    state: GlExportState | None = book.states.get(command.gl_export_id)
    match command, state:
        case RequestGlExport(), None:
            return [(command.gl_export_id, _request(command))]
        case RequestGlExport(), known if known is not None and known.request == _request(command):
            return []  # Asking twice is a retry, not an error.
        case RequestGlExport(), _:
            raise AlreadyExists(f"{command.gl_export_id} was asked for with other content")
        case _, None:
            raise NotFound(f"there is no export {command.gl_export_id}")
        case CompleteGlExport(), Requested():
            return [(command.gl_export_id, command.completed)]
        case FailGlExport(), Requested():
            return [(command.gl_export_id, _fail(command))]
        case (CompleteGlExport(), Completed()) | (FailGlExport(), Failed()):
            return []  # Two workers had the same export; the files of both are the same bytes.
        case _:
            raise GlExportEnded(f"{command.gl_export_id} has ended: ask for another export")


def _request(command: RequestGlExport) -> GlExportRequested:
    if command.booked_from > command.booked_to:
        raise Invalid(f"from {command.booked_from} is after to, which is {command.booked_to}")
    if command.currency is not None:
        _check_currency(command.currency)
    return GlExportRequested(
        gl_export_id=command.gl_export_id,
        booked_from=command.booked_from,
        booked_to=command.booked_to,
        format=command.format,
        facility=command.facility,
        currency=command.currency,
        position=command.position,
        layout=command.layout,
    )


def _check_currency(currency: str) -> None:
    try:
        exponent(currency)
    except MoneyInvalid as invalid:
        raise CurrencyUnsupported(str(invalid)) from None


def _fail(command: FailGlExport) -> GlExportFailed:
    return GlExportFailed(
        gl_export_id=command.gl_export_id, code=command.code, detail=command.detail
    )


def evolve(state: GlExportState | None, event: GlExportEvent) -> GlExportState | None:
    """The export after an event."""
    match event:
        case GlExportRequested():
            return Requested(request=event)
        case GlExportCompleted() if state is not None:
            return Completed(request=state.request, completed=event)
        case GlExportFailed() if state is not None:
            return Failed(request=state.request, failed=event)
        case _:
            return state


GL_EXPORT = Decider("gle", decide, evolve, GlExportState)
