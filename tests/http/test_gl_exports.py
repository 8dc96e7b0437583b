"""Exports of the general ledger over HTTP: asked for, seen, downloaded, refused."""

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from services.gl_export.layout import Column, Field, Layout, layout_id
from services.gl_export.layouts import set_layout
from services.sagas.exporting import Exporting
from services.sagas.messages import ExportLedger
from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, open_account
from tests.http.test_problems import check

PATH = "/v1/gl-exports"
BODY: dict[str, Any] = {"booked_from": "2026-01-01", "booked_to": "2199-12-31"}
Make = Callable[[str], Awaitable[None]]


@pytest.fixture
def make(api: Api) -> Make:
    """What the worker does for an export."""

    async def export(gl_export_id: str) -> None:
        await api.catch_up()
        parts = api.dependencies
        exporting = Exporting(parts.executor, parts.writer, parts.reader, parts.objects)
        work = ExportLedger(tenant="demo", gl_export_id=gl_export_id)
        await ActivityEnvironment().run(exporting.export, work)

    return export


async def ask(api: Api, **fields: Any) -> str:
    asked = await api.post(PATH, BODY | fields)
    assert asked.status_code == 202, asked.text
    gl_export_id: str = asked.json()["gl_export_id"]
    assert asked.headers["location"] == f"{PATH}/{gl_export_id}"
    return gl_export_id


async def test_an_export_is_asked_for_made_and_downloaded(api: Api, make: Make) -> None:
    await api.post("/v1/charges", charge_body(await open_account(api)))
    gl_export_id = await ask(api)
    asked = (await api.client.get(f"{PATH}/{gl_export_id}")).json()
    assert (asked["status"], asked["row_count"], asked["ended_at"]) == ("requested", None, None)
    check(await api.client.get(f"{PATH}/{gl_export_id}/file"), 409, "STATE_CONFLICT")
    await make(gl_export_id)
    await api.catch_up()
    done = (await api.client.get(f"{PATH}/{gl_export_id}")).json()
    assert (done["status"], done["row_count"]) == ("completed", 2)
    (listed,) = (await api.client.get(PATH)).json()["items"]
    assert listed == {key: done[key] for key in listed}
    file = await api.client.get(f"{PATH}/{gl_export_id}/file", headers={"Accept": "text/csv"})
    assert file.headers["content-type"].startswith("text/csv")
    assert file.headers["content-length"] == str(done["size_bytes"])
    rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert [row["gl_account"] for row in rows] == ["1100", "4000"]
    manifest = await api.client.get(f"{PATH}/{gl_export_id}/manifest")
    assert manifest.json()["sha256"] == done["sha256"]


async def test_json_is_downloaded_as_json(api: Api, make: Make) -> None:
    gl_export_id = await ask(api, format="json")
    await make(gl_export_id)
    file = await api.client.get(f"{PATH}/{gl_export_id}/file")
    assert file.headers["content-type"].startswith("application/json")
    assert file.json() == []


async def test_a_repeat_under_one_key_is_one_export(api: Api) -> None:
    first = await api.post(PATH, BODY, key="k")
    again = await api.post(PATH, BODY, key="k")
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    check(await api.post(PATH, BODY | {"format": "json"}, key="k"), 409, "IDEMPOTENCY_KEY_REUSED")


async def test_exports_are_listed_page_by_page_the_latest_first(api: Api) -> None:
    ids = [await ask(api) for _ in range(3)]
    await api.catch_up()
    first = (await api.client.get(f"{PATH}?limit=2")).json()
    second = (await api.client.get(f"{PATH}?limit=2&cursor={first['cursor']}")).json()
    found = [item["gl_export_id"] for item in first["items"] + second["items"]]
    assert (found, second["cursor"]) == (ids[::-1], None)


async def test_what_cannot_be_asked_for_is_refused_by_its_field(api: Api) -> None:
    for fields, path, code in (
        ({"booked_from": "2200-01-01"}, "$.booked_from", "VALIDATION_FAILED"),
        ({"currency": "XYZ"}, "$.currency", "CURRENCY_UNSUPPORTED"),
        ({"facility": "a b"}, "$.facility", "VALIDATION_FAILED"),
        ({"format": "xml"}, "$.format", "VALIDATION_FAILED"),
        ({"layout": "erp"}, "$.layout", "VALIDATION_FAILED"),
        ({"layout": "erp", "format": "json"}, "$.format", "VALIDATION_FAILED"),
        ({"position": -1}, "$.position", "VALIDATION_FAILED"),
    ):
        (error,) = check(await api.post(PATH, BODY | fields), 400, code)["errors"]
        assert error["path"] == path, fields


async def test_a_failed_export_says_why(api: Api, make: Make) -> None:
    await api.post("/v1/charges", charge_body(await open_account(api)))
    columns = (Column(field=Field.AMOUNT), Column(field=Field.GL_ACCOUNT))
    layout = Layout(name="erp", columns=columns, accounts={"1010": "1"})  # type: ignore[dict-item]  # by its number
    await set_layout(api.dependencies.writer, "demo", layout)
    gl_export_id = await ask(api, layout="erp")
    await make(gl_export_id)
    await api.catch_up()
    failed = (await api.client.get(f"{PATH}/{gl_export_id}")).json()
    assert (failed["status"], failed["code"]) == ("failed", "ACCOUNT_UNMAPPED")
    assert failed["layout"] == layout_id(layout)
    (listed,) = (await api.client.get(PATH)).json()["items"]
    assert (listed["status"], listed["detail"]) == ("failed", failed["detail"])
    check(await api.client.get(f"{PATH}/{gl_export_id}/file"), 409, "STATE_CONFLICT")


async def test_another_tenant_and_a_caller_without_the_scope_get_nothing(
    api: Api, make: Make
) -> None:
    gl_export_id = await ask(api)
    await make(gl_export_id)
    for path in (f"{PATH}/{gl_export_id}{part}" for part in ("", "/file", "/manifest")):
        other = await api.client.get(path, headers={"x-test-tenant": "other"})
        check(other, 404, "NOT_FOUND")
        scopes = {"x-test-scopes": "billing:read"}
        check(await api.client.get(path, headers=scopes), 403, "ACCESS_DENIED")
    check(await api.post(PATH, BODY, **{"x-test-scopes": "billing:read"}), 403, "ACCESS_DENIED")


async def test_a_file_that_is_gone_is_not_found(api: Api, make: Make) -> None:
    gl_export_id = await ask(api)
    await make(gl_export_id)
    found = (await api.client.get(f"{PATH}/{gl_export_id}")).json()
    await api.dependencies.objects.delete(found["file"])
    check(await api.client.get(f"{PATH}/{gl_export_id}/file"), 404, "NOT_FOUND")
