"""Both ports to FHIR, over every server that there is: the embedded store and any other alike."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from services.embedded.addresses import Addresses
from services.fhir.naming import identifier, position_of
from services.fhir.showing import Context, Seen, Shown, show_account
from services.ports import FhirRefused
from tests.fixtures.clinic_events import opened
from tests.fixtures.fhir_servers import SERVERS, TENANT, Fhir, fhir_over
from tests.fixtures.world import STARTED_AT


@pytest.fixture(params=SERVERS)
async def fhir(request: pytest.FixtureRequest, stack: Addresses) -> AsyncIterator[Fhir]:
    async with fhir_over(request.param, stack) as fhir:
        yield fhir


def organization(value: str, **fields: Any) -> dict[str, Any]:
    named = [{"system": "urn:daybook-test", "value": value}]
    return {"resourceType": "Organization", "identifier": named, "name": "North", **fields}


def fresh() -> str:
    """What nobody else uses: a server may have seen this suite before."""
    return uuid.uuid4().hex


async def test_what_is_created_is_read_and_found(fhir: Fhir) -> None:
    value = fresh()
    made = await fhir.client.create(organization(value))
    assert made["id"]
    assert await fhir.client.read("Organization", made["id"]) == made
    (found,) = await fhir.client.search("Organization", {"identifier": f"urn:daybook-test|{value}"})
    assert found == made
    assert await fhir.client.read("Organization", fresh()) is None
    assert await fhir.client.search("Organization", {"identifier": fresh()}) == []


async def test_an_upsert_by_identifier_makes_it_once_and_then_replaces_it(fhir: Fhir) -> None:
    named = f"urn:daybook-test|{fresh()}"
    body = organization(named.partition("|")[2])
    made = await fhir.client.upsert(body, named)
    changed = await fhir.client.upsert(body | {"name": "South"}, named)
    assert (changed["id"], changed["name"]) == (made["id"], "South")
    assert changed["meta"]["versionId"] != made["meta"]["versionId"]
    assert await fhir.client.search("Organization", {"identifier": named}) == [changed]


async def test_an_upsert_by_id_makes_it_and_then_replaces_it(fhir: Fhir) -> None:
    id_ = fresh()
    await fhir.client.upsert(organization(id_, id=id_))
    changed = await fhir.client.upsert(organization(id_, id=id_, name="South"))
    assert await fhir.client.read("Organization", id_) == changed
    with pytest.raises(FhirRefused):
        await fhir.client.upsert(organization(fresh()))


async def test_a_patch_changes_a_resource(fhir: Fhir) -> None:
    made = await fhir.client.create(organization(fresh()))
    operations = [{"op": "replace", "path": "/name", "value": "South"}]
    changed = await fhir.client.patch("Organization", made["id"], operations)
    assert changed["name"] == "South"
    wrong = [{"op": "test", "path": "/name", "value": "North"}]
    with pytest.raises(FhirRefused):
        await fhir.client.patch("Organization", made["id"], wrong)
    assert await fhir.client.read("Organization", made["id"]) == changed


async def test_what_is_no_resource_is_refused(fhir: Fhir) -> None:
    with pytest.raises(FhirRefused) as refused:
        await fhir.client.create({"resourceType": "Account", "status": 7})
    assert refused.value.status in (400, 422)
    with pytest.raises(FhirRefused):
        await fhir.client.create({"resourceType": "NoSuchThing"})


async def test_a_search_has_all_pages(fhir: Fhir) -> None:
    system = f"urn:daybook-test:{fresh()}"
    await asyncio.gather(
        *(
            fhir.client.create(organization("x", identifier=[{"system": system, "value": f"{n}"}]))
            for n in range(12)
        )
    )
    found = await fhir.client.search("Organization", {"identifier": f"{system}|", "_count": "5"})
    assert {each["identifier"][0]["value"] for each in found} == {f"{n}" for n in range(12)}


async def test_decimals_come_back_as_they_went(fhir: Fhir) -> None:
    total = {"value": Decimal("10.10"), "currency": "USD"}
    body = {"resourceType": "Invoice", "status": "draft", "totalNet": total}
    made = await fhir.client.create(body)
    found = await fhir.client.read("Invoice", made["id"])
    assert found is not None
    assert found["totalNet"]["value"] == Decimal("10.10")


@pytest.mark.parametrize("fhir", ["store", "http"], indirect=True)
async def test_an_organisation_has_what_was_made_for_it(fhir: Fhir) -> None:
    north, south = fhir.client_of("north"), fhir.client_of("south")
    with pytest.raises(FhirRefused) as refused:
        await north.create({"resourceType": "Patient"})
    assert refused.value.status == 404
    for id_ in ("north", "south"):
        await fhir.client.upsert(organization(id_, id=id_))
    made = await north.upsert({"resourceType": "Patient", "id": "p1"})
    assert await north.search("Patient", {}) == [made]
    assert await fhir.client.read("Patient", "p1") == made
    assert await south.read("Patient", "p1") is None
    assert await south.search("Patient", {}) == []
    with pytest.raises(FhirRefused) as refused:
        await south.upsert({"resourceType": "Patient", "id": "p1", "gender": "male"})
    assert refused.value.status == 403
    operations = [{"op": "add", "path": "/gender", "value": "female"}]
    changed = await north.patch("Patient", "p1", operations)
    assert await fhir.client.read("Patient", "p1") == changed


# --- what the gateway keeps ---


def account(account_id: str, position: int, **fields: Any) -> Shown:
    event = opened(account_id=account_id, **fields)
    shown = show_account(Context(TENANT, "p1"), account_id, [Seen(position, STARTED_AT, event)])
    assert shown is not None
    return shown


async def found(fhir: Fhir, account_id: str) -> list[dict[str, Any]]:
    named = identifier(TENANT, "Account", account_id)
    asked = {"identifier": f"{named['system']}|{named['value']}"}
    return await fhir.client.search("Account", asked)


async def test_the_same_resource_again_changes_nothing(fhir: Fhir) -> None:
    shown = account(f"acc_{fresh()}", 7)
    assert await fhir.gateway.keep(TENANT, [shown]) == []
    first = await found(fhir, shown.value)
    assert [position_of(each) for each in first] == [7]
    assert await fhir.gateway.keep(TENANT, [shown]) == []
    assert await found(fhir, shown.value) == first


async def test_an_older_one_never_replaces_a_newer_one(fhir: Fhir) -> None:
    id_ = f"acc_{fresh()}"
    await fhir.gateway.keep(TENANT, [account(id_, 9, facility="newer")])
    newer = await found(fhir, id_)
    await fhir.gateway.keep(TENANT, [account(id_, 8, facility="older")])
    assert await found(fhir, id_) == newer
    await fhir.gateway.keep(TENANT, [account(id_, 10, facility="newest")])
    (newest,) = await found(fhir, id_)
    assert (newest["id"], position_of(newest)) == (newer[0]["id"], 10)


async def test_of_many_at_once_the_newest_stays_and_there_is_one(fhir: Fhir) -> None:
    id_ = f"acc_{fresh()}"
    kept = await asyncio.gather(
        *(fhir.gateway.keep(TENANT, [account(id_, position)]) for position in (3, 1, 5, 4, 2))
    )
    assert kept == [[]] * 5
    assert [position_of(each) for each in await found(fhir, id_)] == [5]
