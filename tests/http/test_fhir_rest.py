"""The FHIR store over HTTP: what its REST interactions answer, and to whom."""

from typing import Any

import httpx

from services.access.bearer import Verifier
from services.api.auth import authenticate_jwt
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.fixtures.tokens import KEYS, RULES, bearing, token

FHIR = "application/fhir+json"


def patient(id_: str = "p1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": "urn:mrn", "value": f"mrn-{id_}"}],
        "name": [{"family": "Beridze", "given": ["Nino"]}],
        **fields,
    }


def charge(person: str = "p1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"coding": [{"system": "urn:cpt", "code": "99213"}]},
        "subject": {"reference": f"Patient/{person}"},
        **fields,
    }


async def send(
    api: Api, method: str, path: str, body: Any = None, media_type: str = FHIR, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named["Content-Type"] = media_type
    return await api.client.request(method, path, json=body, headers=named)


def issue(response: httpx.Response, status: int, code: str) -> str:
    """What an OperationOutcome says."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith(FHIR)
    found = response.json()
    assert found["resourceType"] == "OperationOutcome"
    assert found["issue"][0]["code"] == code, found
    return str(found["issue"][0]["diagnostics"])


async def test_a_resource_is_made_read_replaced_and_every_version_kept(api: Api) -> None:
    made = await send(api, "PUT", "/fhir/Patient/p1", patient())
    assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"')
    assert made.headers["location"].endswith("/fhir/Patient/p1/_history/1")
    assert made.json()["meta"]["versionId"] == "1"
    again = await send(api, "PUT", "/fhir/Patient/p1", patient())
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')
    changed = await send(api, "PUT", "/fhir/Patient/p1", patient(gender="female"))
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    read = await send(api, "GET", "/fhir/Patient/p1")
    assert (read.status_code, read.json()) == (200, changed.json())
    assert read.headers["content-type"].startswith(FHIR)
    first = await send(api, "GET", "/fhir/Patient/p1/_history/1")
    assert first.json() == made.json()
    history = (await send(api, "GET", "/fhir/Patient/p1/_history")).json()
    assert [each["resource"]["meta"]["versionId"] for each in history["entry"]] == ["2", "1"]
    issue(await send(api, "GET", "/fhir/Patient/p1/_history/3"), 404, "not-found")
    known = await send(api, "GET", "/fhir/Patient/p1", If_None_Match='W/"2"')
    assert (known.status_code, known.content) == (304, b"")


async def test_a_created_resource_gets_an_id_of_the_server(api: Api) -> None:
    made = await send(api, "POST", "/fhir/ChargeItem", charge(id="mine"))
    assert made.status_code == 201
    id_ = made.json()["id"]
    assert id_ != "mine"
    assert made.headers["location"].endswith(f"/fhir/ChargeItem/{id_}/_history/1")
    assert (await send(api, "GET", f"/fhir/ChargeItem/{id_}")).json() == made.json()
    minimal = await send(api, "POST", "/fhir/ChargeItem", charge(), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")


async def test_a_change_with_the_version_that_is_there_is_made(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    for version, if_match in enumerate(('W/"1"', '"2"', "*", 'W/"7", W/"4"'), 2):
        body = patient(name=[{"family": f"B{version}"}])
        changed = await send(api, "PUT", "/fhir/Patient/p1", body, If_Match=if_match)
        assert (changed.status_code, changed.headers["etag"]) == (200, f'W/"{version}"')


async def test_a_change_with_another_version_is_refused(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    body = patient(gender="female")
    for wrong in ('W/"2"', '"0"', "1", "nonsense", 'W/"1 or so"', ""):
        refused = await send(api, "PUT", "/fhir/Patient/p1", body, If_Match=wrong)
        assert "the version is 1" in issue(refused, 412, "conflict")
        operations = [{"op": "add", "path": "/gender", "value": "female"}]
        refused = await send(
            api,
            "PATCH",
            "/fhir/Patient/p1",
            operations,
            "application/json-patch+json",
            If_Match=wrong,
        )
        issue(refused, 412, "conflict")
    for absent in ('W/"1"', "*"):
        refused = await send(api, "PUT", "/fhir/Patient/p2", patient("p2"), If_Match=absent)
        issue(refused, 412, "conflict")
    assert (await send(api, "GET", "/fhir/Patient/p1")).headers["etag"] == 'W/"1"'


async def test_a_json_patch_changes_what_it_names(api: Api) -> None:
    await send(api, "PUT", "/fhir/ChargeItem/c1", charge(id="c1"))
    operations = [
        {"op": "test", "path": "/status", "value": "billable"},
        {"op": "replace", "path": "/status", "value": "billed"},
        {"op": "add", "path": "/quantity", "value": {"value": 2}},
    ]
    path = "/fhir/ChargeItem/c1"
    done = await send(api, "PATCH", path, operations, "application/json-patch+json")
    assert (done.status_code, done.headers["etag"]) == (200, 'W/"2"')
    assert (done.json()["status"], done.json()["quantity"]) == ("billed", {"value": 2})
    for wrong, status, code in (
        ([{"op": "test", "path": "/status", "value": "billable"}], 422, "processing"),
        ([{"op": "remove", "path": "/nothing"}], 422, "processing"),
        ([{"op": "remove", "path": "/subject"}], 400, "required"),
        ([{"op": "replace", "path": "/id", "value": "c2"}], 400, "invalid"),
        ([{"op": "replace", "path": "/resourceType", "value": "Account"}], 400, "invalid"),
        ([{"op": "explode", "path": "/status"}], 400, "structure"),
        ({"status": "billed"}, 400, "structure"),
    ):
        refused = await send(api, "PATCH", path, wrong, "application/json-patch+json")
        issue(refused, status, code)
    refused = await send(api, "PATCH", path, [], FHIR)
    assert "application/json-patch+json" in issue(refused, 415, "not-supported")
    assert (await send(api, "GET", path)).json() == done.json()


async def test_it_is_upserted_by_an_identifier(api: Api) -> None:
    path = "/fhir/Patient?identifier=urn:mrn|7"
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]}
    made = await send(api, "PUT", path, body)
    assert made.status_code == 201
    changed = await send(api, "PUT", path, body | {"gender": "female"})
    assert (changed.status_code, changed.json()["id"]) == (200, made.json()["id"])
    kept = await send(api, "POST", "/fhir/Patient", body, If_None_Exist="identifier=urn:mrn|7")
    assert (kept.status_code, kept.json()) == (200, changed.json())
    other = await send(api, "PUT", path, body | {"id": "other"})
    issue(other, 400, "invalid")
    await send(api, "POST", "/fhir/Patient", body)
    issue(await send(api, "PUT", path, body), 412, "multiple-matches")
    issue(await send(api, "PUT", "/fhir/Patient?gender=female", body), 400, "not-supported")
    issue(await send(api, "PUT", "/fhir/Patient", body), 400, "invalid")


async def test_it_is_found_by_identifier_status_and_subject(api: Api) -> None:
    for number in range(4):
        identifier = [{"system": "urn:visit", "value": f"v{number}"}, {"value": "no system"}]
        status = "billed" if number % 2 else "billable"
        body = charge(f"p{number // 2}", identifier=identifier, status=status, id=f"c{number}")
        assert (await send(api, "PUT", f"/fhir/ChargeItem/c{number}", body)).status_code == 201

    async def found(query: str) -> list[str]:
        answer = await send(api, "GET", f"/fhir/ChargeItem?{query}")
        assert answer.status_code == 200, answer.text
        return [each["resource"]["id"] for each in answer.json().get("entry", ())]

    assert await found("identifier=urn:visit|v1") == ["c1"]
    assert await found("identifier=v1") == ["c1"]
    assert await found("identifier=urn:visit|") == ["c0", "c1", "c2", "c3"]
    assert await found("identifier=|no system") == ["c0", "c1", "c2", "c3"]
    assert await found("identifier=|v1") == []
    assert await found("identifier=urn:visit|v1,urn:visit|v2") == ["c1", "c2"]
    assert await found("status=billed") == ["c1", "c3"]
    assert await found("status=billed,billable") == ["c0", "c1", "c2", "c3"]
    assert await found("subject=Patient/p1") == ["c2", "c3"]
    assert await found("patient=p1&status=billed") == ["c3"]
    assert await found("_id=c0,c3") == ["c0", "c3"]
    assert await found("status=BILLED") == []
    assert await found("identifier=urn:visit|v1&subject=Patient/p1") == []


async def test_a_search_goes_on_by_its_links(api: Api) -> None:
    for number in range(7):
        await send(api, "PUT", f"/fhir/ChargeItem/c{number}", charge(id=f"c{number}"))
    url, found, pages = "/fhir/ChargeItem?subject=Patient/p1&_count=3&_total=accurate", [], 0
    while url:
        page = (await send(api, "GET", url)).json()
        found += [each["resource"]["id"] for each in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert (page["type"], page["total"]) == ("searchset", 7)
        url, pages = links.get("next", ""), pages + 1
    assert (found, pages) == ([f"c{number}" for number in range(7)], 3)
    counted = (await send(api, "GET", "/fhir/ChargeItem?_summary=count")).json()
    assert (counted["total"], counted.get("entry")) == (7, None)


async def test_an_unknown_parameter_is_named_or_refused_as_the_caller_wants(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    lenient = (await send(api, "GET", "/fhir/Patient?colour=red")).json()
    matched, warned = lenient["entry"]
    assert matched["search"] == {"mode": "match"}
    assert warned["search"] == {"mode": "outcome"}
    assert warned["resource"]["issue"][0]["severity"] == "warning"
    assert "colour" not in lenient["link"][0]["url"]
    strict = await send(api, "GET", "/fhir/Patient?colour=red", Prefer="handling=strict")
    assert "colour" in issue(strict, 400, "not-supported")
    issue(await send(api, "GET", "/fhir/Patient?identifier:of-type=x"), 400, "not-supported")
    issue(await send(api, "GET", "/fhir/Patient?identifier=a&identifier=b"), 400, "not-supported")


async def test_the_capability_statement_says_what_there_is(api: Api) -> None:
    found = (await send(api, "GET", "/fhir/metadata")).json()
    assert (found["resourceType"], found["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    from fhir.resources.R4B import get_fhir_model_class

    get_fhir_model_class("CapabilityStatement").model_validate(found)
    types = {each["type"] for each in found["rest"][0]["resource"]}
    assert {"Account", "ChargeItem", "Invoice", "PaymentReconciliation"} < types


async def test_an_organisation_is_a_scope_of_its_own(api: Api) -> None:
    for id_ in ("north", "south"):
        body = {"resourceType": "Organization", "id": id_, "name": id_}
        assert (await send(api, "PUT", f"/fhir/Organization/{id_}", body)).status_code == 201
    made = await send(api, "PUT", "/Organization/north/fhir/Patient/p1", patient())
    assert "/Organization/north/fhir/Patient/p1" in made.headers["location"]
    for base, status in (("/fhir", 200), ("/Organization/north/fhir", 200)):
        assert (await send(api, "GET", f"{base}/Patient/p1")).status_code == status
    south = "/Organization/south/fhir/Patient"
    issue(await send(api, "GET", f"{south}/p1"), 404, "not-found")
    issue(await send(api, "PUT", f"{south}/p1", patient(gender="male")), 403, "forbidden")
    assert (await send(api, "GET", south)).json().get("entry") is None
    issue(await send(api, "GET", "/Organization/west/fhir/Patient"), 404, "not-found")
    issue(await send(api, "POST", "/Organization/west/fhir/Patient", patient()), 404, "not-found")
    other = {"x-test-tenant": "other"}
    issue(await api.client.get("/Organization/north/fhir/Patient", headers=other), 404, "not-found")


async def test_another_tenant_has_nothing_of_it(api: Api) -> None:
    await send(api, "PUT", "/fhir/Patient/p1", patient())
    other = {"x_test_tenant": "other"}
    for path in ("/fhir/Patient/p1", "/fhir/Patient/p1/_history", "/fhir/Patient/p1/_history/1"):
        issue(await send(api, "GET", path, **other), 404, "not-found")
    found = await send(api, "GET", "/fhir/Patient?identifier=urn:mrn|mrn-p1", **other)
    assert found.json().get("entry") is None
    patched = await send(
        api,
        "PATCH",
        "/fhir/Patient/p1",
        [{"op": "add", "path": "/gender", "value": "male"}],
        "application/json-patch+json",
        **other,
    )
    issue(patched, 404, "not-found")
    theirs = await send(api, "PUT", "/fhir/Patient/p1", patient(gender="male"), **other)
    assert (theirs.status_code, theirs.headers["etag"]) == (201, 'W/"1"')
    assert "gender" not in (await send(api, "GET", "/fhir/Patient/p1")).json()


async def test_each_interaction_takes_its_scope(api: Api) -> None:
    reading = {"x_test_scopes": "billing:fhir:read"}
    writing = {"x_test_scopes": "billing:fhir:write"}
    assert "billing:fhir:write" in issue(
        await send(api, "PUT", "/fhir/Patient/p1", patient(), **reading), 403, "forbidden"
    )
    for status in (201, 200):  # who may not read is not answered what is there
        made = await send(api, "PUT", "/fhir/Patient/p1", patient(), **writing)
        assert (made.status_code, made.content) == (status, b"")
    condition = {"If_None_Exist": "identifier=urn:mrn|mrn-p1", **writing}
    known = await send(api, "POST", "/fhir/Patient", patient(), **condition)
    assert (known.status_code, known.content) == (200, b"")
    test = [{"op": "test", "path": "/gender", "value": "female"}]
    media_type = "application/json-patch+json"
    patching = await send(api, "PATCH", "/fhir/Patient/p1", test, media_type, **writing)
    assert "billing:fhir:read" in issue(patching, 403, "forbidden")
    issue(await send(api, "GET", "/fhir/Patient/p1", **writing), 403, "forbidden")
    assert (await send(api, "GET", "/fhir/Patient/p1", **reading)).status_code == 200


async def test_a_stranger_is_told_in_words_of_fhir(database: Database) -> None:
    async with api_over(database, authenticate=authenticate_jwt(Verifier(KEYS, RULES))) as api:
        issue(await send(api, "GET", "/fhir/Patient/p1"), 401, "login")
        issue(await send(api, "GET", "/Organization/x/fhir/Patient"), 401, "login")
        assert (await send(api, "GET", "/fhir/metadata")).status_code == 200
        ours = bearing(token(scope="billing:fhir:read"))
        found = await api.client.get("/fhir/Patient", headers=ours)
        assert found.status_code == 200
        refused = await api.client.put("/fhir/Patient/p1", json=patient(), headers=ours)
        issue(refused, 403, "forbidden")
