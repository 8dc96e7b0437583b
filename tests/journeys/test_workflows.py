"""The example of a config project, played on a running stack from encounter to issued invoice."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from dulwich import porcelain

from tests.fixtures.command_line import command
from tests.fixtures.config_projects import commit_folder
from tests.fixtures.whole_stack import WholeStack

EXAMPLE: Final = Path(__file__).parents[2] / "deploy" / "examples" / "config-project"
DAY: Final = "2026-03-02"
RESOURCES: Final[tuple[dict[str, Any], ...]] = (
    {"resourceType": "Patient", "id": "p-prebill"},
    {
        "resourceType": "Encounter",
        "id": "enc-123",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p-prebill"},
    },
    {
        "resourceType": "Coverage",
        "id": "cov-1",
        "status": "active",
        "beneficiary": {"reference": "Patient/p-prebill"},
        "payor": [{"display": "A payer"}],
        "period": {"start": "2026-01-01"},
    },
)
INPUT: Final = {
    "encounterId": "enc-123",
    "facility": "north",
    "currency": "USD",
    "service_date": DAY,
    "services": [{"code": "99213"}, {"code": "LENS", "quantity": 2}, {"code": "NOSHOW"}],
}


@pytest.fixture(scope="module")
def project(whole_stack: WholeStack) -> Path:
    """The example as a repository of its own, where the stack looks for one."""
    folder = whole_stack.config_project
    if not folder.exists():
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        porcelain.init(str(folder)).close()
        commit_folder(folder)
    return folder


async def keep(stack: WholeStack, *resources: dict[str, Any]) -> None:
    """Put resources on the stack's FHIR server."""
    headers = {"Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(base_url=stack.addresses.api_url or "") as client:
        for resource in resources:
            path = f"/fhir/{resource['resourceType']}/{resource['id']}"
            made = await client.put(path, content=json.dumps(resource), headers=headers)
            assert made.status_code in (200, 201), made.text


def ran(stack: WholeStack, *arguments: str) -> tuple[int, Any]:
    asked = ("--input", json.dumps(INPUT), "--json", "--data-dir", str(stack.data_dir))
    done = command("workflow", "run", "prebill", *asked, *arguments)
    assert done.stdout, done.stderr
    return done.exit_code, json.loads(done.stdout)


async def test_an_encounter_is_charged_and_invoiced_by_the_example(
    whole_stack: WholeStack, project: Path
) -> None:
    query = whole_stack.query
    await keep(whole_stack, *RESOURCES)
    prices = [
        {
            "facility": "north",
            "code": code,
            "unit_price": {"amount": amount, "currency": "USD"},
            "valid_from": "2026-01-01",
        }
        for code, amount in (("99213", "125.00"), ("LENS", "80.10"))
    ]
    await query.post("/v1/price-lists", {"name": "prebill", "prices": prices}, key="prebill")
    checked = command("workflow", "check", "--project", str(project))
    assert (checked.exit_code, checked.stdout) == (0, ""), checked.stdout
    code, run = ran(whole_stack)
    assert (code, run["status"]) == (0, "completed"), run
    outputs = {step["activity"]: step["output"] for step in run["steps"]}
    assert outputs["check-coverage"]["covered"] is True
    assert outputs["issue"]["number"]
    await whole_stack.caught_up()
    invoice = (await query.get(f"/v1/invoices/{outputs['issue']['invoice_id']}"))["invoice"]
    assert (invoice["status"], invoice["total"]["amount"]) == ("issued", "285.20")
    read = await query.get(f"/v1/workflow-runs/{run['workflow_run_id']}")
    assert read == run
    found = await query.get(
        "/fhir/BillingWorkflow?identifier=urn:temporal:workflow-id|workflow-run/demo/"
        + run["workflow_run_id"]
    )
    (resource,) = [entry["resource"] for entry in found["entry"]]
    assert resource["status"] in ("in-progress", "completed")


async def test_a_sync_and_a_failure_are_told_to_whoever_asks(
    whole_stack: WholeStack, project: Path
) -> None:
    synced = await whole_stack.query.post("/repo/sync", {}, key="sync")
    assert synced["fetched"] is False
    code, run = ran(whole_stack, "--branch", "nowhere")
    assert (code, run["status"], run["code"]) == (1, "failed", "BRANCH_UNKNOWN")
