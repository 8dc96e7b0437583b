"""What nobody should send to the FHIR store, and what many send at once."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from services.fhir.content import DEPTH_MAX
from services.fhir.patching import OPERATIONS_MAX
from tests.fixtures.http_api import Api
from tests.http.test_fhir_rest import FHIR, charge, issue, patient, send

WRONG_QUERIES = (
    *("_count=x", "_count=-1", "_after=a_b", "_summary=text", "_id=,"),
    *("identifier=", "identifier=|", "identifier=a|b|c", "subject=Patient/1&patient=1"),
)
NESTED = b'{"resourceType":"Patient","id":"p1","extension":'


NO_RESOURCES: list[tuple[bytes, str]] = [
    (b"", "structure"),
    (b"{", "structure"),
    (b"\xff\xfe", "structure"),
    (b"[]", "structure"),
    (b"null", "structure"),
    (b'"Patient"', "structure"),
    (b'{"resourceType":"Patient","id":"p1","id":"p1"}', "structure"),
    (b'{"resourceType":"Patient","id":"p1","multipleBirthInteger":NaN}', "structure"),
    (b'{"resourceType":"Patient","id":"p1","multipleBirthInteger":' + b"9" * 5000 + b"}",
     "structure"),
    (b'{"resourceType":"Patient","id":"p1","multipleBirthInteger":1e9999999999}', "structure"),
    (NESTED + b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1) + b"}", "too-costly"),
    (NESTED + b"[" * 100_000 + b"]" * 100_000 + b"}", "structure"),
    (b'{"resourceType":"Account","id":"p1","status":"active"}', "invalid"),
    (b'{"resourceType":["Patient"],"id":"p1"}', "invalid"),
    (b'{"resourceType":"Patient","id":7}', "value"),
    (b'{"resourceType":"Patient","id":"p2"}', "invalid"),
    (b'{"resourceType":"Patient"}', "invalid"),
    (b'{"resourceType":"Patient","id":"p1","gender":7}', "value"),
    (b'{"resourceType":"Patient","id":"p1","shoeSize":7}', "structure"),
    (b'{"resourceType":"Patient","id":"p1","name":"Nino"}', "value"),
    (b'{"resourceType":"Patient","id":"p1","name":["{\\"family\\":\\"B\\"}"]}', "structure"),
    (b'{"resourceType":"Patient","id":"p1","name":[{"family":"\\ud800"}]}', "value"),
    (b'{"resourceType":"Patient","id":"p1","contained":[{"resourceType":"X"}]}', "structure"),
]  # fmt: skip


async def put(api: Api, body: bytes, media_type: str = FHIR) -> Any:
    headers = {"Content-Type": media_type}
    return await api.client.put("/fhir/Patient/p1", content=body, headers=headers)


async def test_what_is_no_resource_is_refused_and_nothing_is_kept(api: Api) -> None:
    for body, code in NO_RESOURCES:
        issue(await put(api, body), 400, code)
    assert (await send(api, "GET", "/fhir/Patient/p1")).status_code == 404


async def test_a_body_too_large_or_of_another_kind_is_refused(api: Api) -> None:
    large = json.dumps(patient(name=[{"family": "x" * 1_100_000}])).encode()
    issue(await put(api, large), 413, "too-long")
    for media_type in ("text/plain", "application/xml", "application/fhir+xml", ""):
        issue(await put(api, b'{"resourceType":"Patient"}', media_type), 415, "not-supported")
    xml = await send(api, "GET", "/fhir/Patient/p1", Accept="application/fhir+xml")
    issue(xml, 406, "not-supported")
    for accept in (FHIR, f"{FHIR}; fhirVersion=4.0", "application/json", "*/*"):
        found = await send(api, "GET", "/fhir/metadata", Accept=accept)
        assert found.status_code == 200, accept


async def test_what_is_not_kept_or_not_done_is_said_so(api: Api) -> None:
    issue(await send(api, "GET", "/fhir/Observation"), 404, "not-supported")
    issue(await send(api, "PUT", "/fhir/Observation/1", {}), 404, "not-supported")
    issue(await send(api, "DELETE", "/fhir/Patient/p1"), 405, "not-supported")
    issue(await send(api, "GET", "/fhir/Patient/p1/_history/x"), 404, "not-found")
    issue(await send(api, "GET", f"/fhir/Patient/p1/_history/{10**30}"), 404, "not-found")
    issue(await send(api, "PUT", "/fhir/Patient/a_b", patient("a_b")), 400, "value")
    issue(await send(api, "PUT", f"/fhir/Patient/{'a' * 65}", patient("a" * 65)), 400, "value")
    for query in WRONG_QUERIES:
        issue(await send(api, "GET", f"/fhir/ChargeItem?{query}"), 400, _any_of(query))
    many = ",".join(map(str, range(101)))
    issue(await send(api, "GET", f"/fhir/ChargeItem?_id={many}"), 400, "too-costly")
    for name in ("_id", "identifier", "subject", "status"):
        issue(await send(api, "GET", f"/fhir/ChargeItem?{name}=%00"), 400, "value")
    for path in ("/fhir/Patient/%00", "/Organization/%00/fhir/Patient", "/fhir/%00"):
        assert (await send(api, "GET", path)).status_code == 404


def _any_of(query: str) -> str:
    is_unsupported = query.startswith(("_summary", "subject"))
    return "not-supported" if is_unsupported else "value"


async def test_a_patch_that_grows_without_end_is_refused(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    bomb = [{"op": "copy", "from": "/name", "path": "/name/-"} for _ in range(60)]
    many = [{"op": "test", "path": "/id", "value": "p1"}] * (OPERATIONS_MAX + 1)
    media_type = "application/json-patch+json"
    issue(await send(api, "PATCH", "/fhir/Patient/p1", bomb, media_type), 422, "too-costly")
    issue(await send(api, "PATCH", "/fhir/Patient/p1", many, media_type), 400, "too-costly")


async def test_a_patch_makes_nothing_larger_than_a_body_may_be(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    large = [{"op": "add", "path": "/name/-", "value": {"family": "x" * 600_000}}]
    media_type = "application/json-patch+json"
    assert (await send(api, "PATCH", "/fhir/Patient/p1", large, media_type)).status_code == 200
    issue(await send(api, "PATCH", "/fhir/Patient/p1", large, media_type), 422, "too-long")


async def test_a_page_ends_where_it_becomes_large(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fhir.store.PAGE_BYTES_MAX", 1_000)
    for number in range(5):
        named = [{"family": f"{number}" * 600}]
        await send(api, "PUT", "/fhir/Patient/p1", patient(name=named))
        await send(api, "PUT", f"/fhir/Patient/q{number}", patient(f"q{number}", name=named))
    for path, count in (("/fhir/Patient/p1/_history", 5), ("/fhir/Patient", 6)):
        found, sizes = [], []
        while path:
            bundle = (await send(api, "GET", path)).json()
            found += [each["resource"]["meta"]["versionId"] for each in bundle["entry"]]
            sizes.append(len(bundle["entry"]))
            following = [each for each in bundle.get("link", ()) if each["relation"] == "next"]
            path = following[0]["url"] if following else ""
        assert (len(found), set(sizes)) in ((count, {2, 1}), (count, {2}), (count, {1}))
    issue(await send(api, "GET", "/fhir/Patient/p1/_history?_before=x"), 400, "value")


async def test_of_many_upserts_by_one_identifier_exactly_one_makes_it(api: Api) -> None:
    path = "/fhir/ChargeItem?identifier=urn:visit|1"
    identifier = [{"system": "urn:visit", "value": "1"}]
    bodies = [charge(identifier=identifier, quantity={"value": number}) for number in range(1, 13)]
    answers = await asyncio.gather(*(send(api, "PUT", path, body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    found = (await send(api, "GET", f"{path}&_total=accurate")).json()
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["meta"]["versionId"] == "12"
    assert len({answer.headers["etag"] for answer in answers}) == 12


async def test_an_upsert_of_what_its_condition_would_not_find_is_refused(api: Api) -> None:
    path = "/fhir/ChargeItem?identifier=urn:visit|1"
    identifier = [{"system": "urn:visit", "value": "1"}]
    issue(await send(api, "PUT", path, charge()), 400, "invalid")
    body = charge(identifier=identifier)
    issue(await send(api, "PUT", f"{path}&status=billed", body), 400, "invalid")
    issue(await send(api, "PUT", "/fhir/ChargeItem?identifier=urn:visit|", body), 400, "invalid")
    unnamed = await send(api, "POST", "/fhir/ChargeItem", charge(), If_None_Exist=path)
    issue(unnamed, 400, "invalid")
    await send(api, "PUT", "/fhir/ChargeItem/other", charge(id="other"))
    issue(await send(api, "PUT", path, body | {"id": "other"}), 409, "conflict")
    paths = (path, "/fhir/ChargeItem?identifier=1") * 4
    answers = await asyncio.gather(*(send(api, "PUT", each, body) for each in paths))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]


async def test_of_many_changes_to_one_version_exactly_one_is_made(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    bodies = [patient(name=[{"family": f"B{number}"}]) for number in range(8)]
    answers = await asyncio.gather(
        *(send(api, "PUT", "/fhir/Patient/p1", body, If_Match='W/"1"') for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    made = await asyncio.gather(
        *(send(api, "PUT", "/fhir/Patient/p2", patient("p2", active=True)) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in made) == [200] * 7 + [201]


async def test_no_patch_of_many_at_once_is_lost(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    answers = await asyncio.gather(
        *(
            send(
                api,
                "PATCH",
                "/fhir/Patient/p1",
                [{"op": "add", "path": "/name/-", "value": {"family": f"B{number}"}}],
                "application/json-patch+json",
            )
            for number in range(4)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    names = (await send(api, "GET", "/fhir/Patient/p1")).json()["name"]
    assert {name["family"] for name in names} == {"Beridze", "B0", "B1", "B2", "B3"}


async def test_decimals_keep_their_digits(api: Api) -> None:
    body = b'{"resourceType":"Invoice","id":"i","status":"draft","totalNet":{"value":1.10}}'
    headers = {"Content-Type": FHIR}
    made = await api.client.put("/fhir/Invoice/i", content=body, headers=headers)
    assert made.status_code == 201, made.text
    assert b'"value":1.10' in made.content


async def test_nothing_of_a_person_is_readable_in_the_database(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    await send(api, "POST", "/fhir/ChargeItem", charge("p1", note=[{"text": "Beridze again"}]))
    ssn = {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "mrn-p1"}
    for subject in ({"display": "Nino Beridze"}, {"identifier": ssn}, {"reference": "mrn-p1"}):
        made = await send(api, "POST", "/fhir/ChargeItem", charge(subject=subject))
        assert made.status_code == 201
    bill = {"resourceType": "Invoice", "status": "draft", "recipient": {"display": "Beridze"}}
    assert (await send(api, "POST", "/fhir/Invoice", bill)).status_code == 201
    admin = await api.database.admin()
    for table in ("fhir_resources", "fhir_versions", "fhir_identifiers"):
        rows = " ".join(map(str, await _rows(admin, table)))
        assert "Beridze" not in rows
        assert "mrn-p1" not in rows


async def _rows(admin: asyncpg.Pool, table: str) -> list[asyncpg.Record]:
    tables = {
        "fhir_resources": "SELECT * FROM fhir_resources",
        "fhir_versions": "SELECT * FROM fhir_versions",
        "fhir_identifiers": "SELECT * FROM fhir_identifiers",
    }
    rows: list[asyncpg.Record] = await admin.fetch(tables[table])
    return rows


async def test_who_is_forgotten_is_gone_from_the_store(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    await send(api, "PUT", "/fhir/Patient/p2", patient("p2"))
    await send(api, "PUT", "/fhir/ChargeItem/c1", charge("p1", id="c1"))
    await send(api, "PUT", "/fhir/ChargeItem/c1", charge("p2", id="c1"))
    ours = "identifier=urn:daybook:demo:patient|p1"
    named = [{"system": "urn:daybook:demo:patient", "value": "p1"}]
    for path, status in (("Patient?" + ours, 201), ("Patient?" + ours, 200)):
        upserted = {k: v for k, v in patient(identifier=named).items() if k != "id"}
        assert (await send(api, "PUT", f"/fhir/{path}", upserted)).status_code == status
    bill = {"resourceType": "Invoice", "status": "draft", "recipient": {"reference": "Patient/p1"}}
    await send(api, "POST", "/fhir/Invoice", bill)
    admin = await api.database.admin()
    await admin.execute("DELETE FROM subject_keys WHERE subject_id = 'p1'")
    issue(await send(api, "GET", "/fhir/Patient/p1"), 404, "not-found")
    assert "entry" not in (await send(api, "GET", f"/fhir/Patient?{ours}")).json()
    assert "entry" not in (await send(api, "GET", "/fhir/Invoice")).json()
    found = (await send(api, "GET", "/fhir/Patient?identifier=urn:mrn|mrn-p1,mrn-p2")).json()
    assert [each["resource"]["id"] for each in found["entry"]] == ["p2"]
    history = (await send(api, "GET", "/fhir/ChargeItem/c1/_history")).json()
    assert [each["resource"]["meta"]["versionId"] for each in history["entry"]] == ["2"]
    rows = [row for name in ("fhir_resources", "fhir_versions") for row in await _rows(admin, name)]
    assert {row["subject_id"] for row in rows} == {"p2"}
    back = await send(api, "PUT", "/fhir/Patient/p1", patient())
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"1"')


async def test_while_postgres_is_away_it_says_so(api: Api) -> None:
    api.dependencies.writer.terminate()
    issue(await send(api, "GET", "/fhir/Patient/p1"), 503, "transient")
