"""Exports of the general ledger: asked for once, ended once."""

from datetime import date
from typing import Any

import msgspec
import pytest

from contracts.gl_export import (
    GlExportCompleted,
    GlExportFailed,
    GlExportFormat,
    GlExportRequested,
    LedgerTotal,
)
from contracts.ids import GlExportId
from domain.gl_export import (
    GL_EXPORT,
    CompleteGlExport,
    FailGlExport,
    GlExportEnded,
    RequestGlExport,
)
from domain.rejections import AlreadyExists, CurrencyUnsupported, Invalid, NotFound
from tests.fixtures.scenario import given

ID = GlExportId("gle_1")
FIELDS: dict[str, Any] = {
    "gl_export_id": ID,
    "booked_from": date(2026, 1, 1),
    "booked_to": date(2026, 1, 31),
    "format": GlExportFormat.CSV,
    "facility": "north",
    "currency": "USD",
    "position": 17,
    "layout": "f00",
}
REQUEST = RequestGlExport(**FIELDS)
REQUESTED = GlExportRequested(**FIELDS)
COMPLETED = GlExportCompleted(
    gl_export_id=ID,
    cut_at=17,
    position=16,
    row_count=2,
    totals=(LedgerTotal(currency="USD", debit="1.00", credit="1.00"),),
    file="demo/gl-exports/gle_1/general-ledger.csv",
    size_bytes=100,
    sha256="aa",
    manifest="demo/gl-exports/gle_1/manifest.json",
    manifest_sha256="bb",
)
COMPLETE = CompleteGlExport(completed=COMPLETED)
FAIL = FailGlExport(gl_export_id=ID, code="ACCOUNT_UNMAPPED", detail="2200 has no account")
FAILED = GlExportFailed(gl_export_id=ID, code="ACCOUNT_UNMAPPED", detail="2200 has no account")


def test_an_export_is_requested_with_all_that_was_asked() -> None:
    given(GL_EXPORT).when(REQUEST).then(REQUESTED)


@pytest.mark.parametrize("later", [(), (COMPLETED,), (FAILED,)])
def test_a_repeated_request_changes_nothing(later: tuple[Any, ...]) -> None:
    given(GL_EXPORT, REQUESTED, *later).when(REQUEST).then_nothing()


def test_another_request_under_the_same_id_is_refused() -> None:
    other = msgspec.structs.replace(REQUEST, facility="south")
    given(GL_EXPORT, REQUESTED).when(other).then_rejected(AlreadyExists, "other content")


def test_a_period_of_one_day_is_one() -> None:
    day = msgspec.structs.replace(REQUEST, booked_to=REQUEST.booked_from)
    assert given(GL_EXPORT).when(day).events


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    wrong = msgspec.structs.replace(REQUEST, booked_to=date(2025, 12, 31))
    given(GL_EXPORT).when(wrong).then_rejected(Invalid, "after to")


def test_an_unknown_currency_is_refused() -> None:
    wrong = msgspec.structs.replace(REQUEST, currency="XYZ")
    given(GL_EXPORT).when(wrong).then_rejected(CurrencyUnsupported)


@pytest.mark.parametrize(("command", "event"), [(COMPLETE, COMPLETED), (FAIL, FAILED)])
def test_an_export_ends_once(command: Any, event: Any) -> None:
    given(GL_EXPORT, REQUESTED).when(command).then(event)
    given(GL_EXPORT, REQUESTED, event).when(command).then_nothing()


@pytest.mark.parametrize(("ended", "command"), [(COMPLETED, FAIL), (FAILED, COMPLETE)])
def test_an_export_does_not_end_otherwise(ended: Any, command: Any) -> None:
    given(GL_EXPORT, REQUESTED, ended).when(command).then_rejected(GlExportEnded)


@pytest.mark.parametrize("command", [COMPLETE, FAIL])
def test_what_nobody_asked_for_does_not_end(command: Any) -> None:
    given(GL_EXPORT).when(command).then_rejected(NotFound)
