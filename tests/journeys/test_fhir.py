"""The ledger as FHIR shows it, from a running stack; and real resources kept beside it."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.command_line import command
from tests.fixtures.fhir_bundles import bundle_files
from tests.fixtures.whole_stack import WholeStack

BESIDE = Path(__file__).parents[2].parent / "shared" / "data" / "synthea"
KEPT = ("Coverage", "Encounter", "Organization", "Patient")
WAIT_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle where they lie beside the checkout, otherwise one of our own making."""
    folder = BESIDE if BESIDE.is_dir() else bundle_files(tmp_path_factory.mktemp("bundles"))
    return min(folder.glob("*.json"), key=lambda file: file.stat().st_size)


async def _until_found(stack: WholeStack, path: str, status: str) -> dict[str, Any]:
    """The one resource of a search, once it stands so."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            found = (await stack.query.get(path)).get("entry", [])
            if len(found) == 1 and found[0]["resource"]["status"] == status:
                resource: dict[str, Any] = found[0]["resource"]
                return resource
            await asyncio.sleep(0.1)


async def test_what_is_billed_is_seen_as_resources(whole_stack: WholeStack) -> None:
    query = whole_stack.query
    account = {"patient_id": "p-fhir", "facility": "north", "name": "Nino", "currency": "GEL"}
    account_id = (await query.post("/v1/accounts", account, key="fhir-account"))["account_id"]
    charge = {
        "account_id": account_id,
        "facility": "north",
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "unit_price": {"amount": "125.00", "currency": "GEL"},
    }
    charge_id = (await query.post("/v1/charges", charge, key="fhir-charge"))["charge_id"]
    named = f"urn:daybook:demo:charge|{charge_id}"
    await _until_found(whole_stack, f"/fhir/ChargeItem?identifier={named}", "billable")
    drafted = await query.post("/v1/invoices", {"account_id": account_id}, key="fhir-draft")
    invoice_id = drafted["invoice_id"]
    await query.post(f"/v1/invoices/{invoice_id}/issue", {}, key="fhir-issue")
    money = {"amount": "125.00", "currency": "GEL"}
    paid = {"account_id": account_id, "method": "cash", "amount": money}
    await query.post("/v1/payments", paid, key="fhir-payment")
    invoice = await _until_found(
        whole_stack, "/fhir/Invoice?subject=Patient/p-fhir&status=balanced", "balanced"
    )
    assert invoice["totalGross"] == {"value": 125.0, "currency": "GEL"}
    billed = await _until_found(
        whole_stack, "/fhir/ChargeItem?subject=Patient/p-fhir&status=billed", "billed"
    )
    assert billed["id"] == charge_id.replace("_", "-")
    read = await query.get(f"/fhir/{invoice['lineItem'][0]['chargeItemReference']['reference']}")
    assert read == billed

    told = command("status", "--json", "--data-dir", str(whole_stack.data_dir))
    assert told.exit_code == 0, told.stderr
    status = json.loads(told.stdout)
    assert (status["fhir_refused"], status["halted"]) == (0, 0)
    assert status["fhir_pending"] is not None
    shown = command("fhir", "refused", "list", "--data-dir", str(whole_stack.data_dir))
    assert "refused nothing" in shown.stdout


async def test_real_resources_come_back_as_they_went(whole_stack: WholeStack, bundle: Path) -> None:
    resources = [
        entry["resource"]
        for entry in json.loads(bundle.read_text(), parse_float=Decimal)["entry"]
        if entry["resource"]["resourceType"] in KEPT
    ]
    assert resources
    headers = {"Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(base_url=whole_stack.addresses.api_url or "") as client:
        for resource in resources:
            path = f"/fhir/{resource['resourceType']}/{resource['id']}"
            content = json.dumps(resource, default=float)
            made = await client.put(path, content=content, headers=headers)
            assert made.status_code in (200, 201), made.text
            found = (await client.get(path)).json()
            said = found.pop("meta")
            assert {"versionId", "lastUpdated"} <= said.keys()
            kept = {name: value for name, value in resource.items() if name != "meta"}
            assert found == json.loads(json.dumps(kept, default=float))
        person = next(each for each in resources if each["resourceType"] == "Patient")
        about = await client.get(f"/fhir/Encounter?subject=Patient/{person['id']}&_count=200")
        assert about.json().get("entry")
