"""Built-in activities on a real ledger: a case is charged, invoiced, paid, adjusted."""

from typing import Any

import pytest

from contracts.adjustment import AdjustmentApplied
from contracts.charge import ChargeCaptured
from contracts.invoice import InvoiceDrafted, InvoiceIssued
from contracts.payment import PaymentPosted
from contracts.workflow_run import WorkflowRunStepCompleted
from tests.fixtures.config_projects import one_activity
from tests.workflows.configured import Configured

BILLING = """id: w
activities:
  - id: save
    script: "@daybook-billing/billing-case/save"
    params: {patient_id: $input.patient, facility: north, currency: USD, name: Nino}
    activities:
      - id: capture
        script: "@aidbox-billing/charge/capture"
        params:
          charges:
            - {account_id: $activities.save.output.account_id, facility: north, code: A,
               system: cpt, service_date: "2026-03-02", currency: USD, quantity: 2}
            - {account_id: $activities.save.output.account_id, facility: north, code: B,
               system: cpt, service_date: "2026-03-02", currency: USD}
        activities:
          - id: draft
            script: "@daybook-billing/invoice/draft"
            params:
              account_id: $activities.save.output.account_id
              charge_ids: ["$activities.capture.output.charges[0].charge_id"]
            activities:
              - id: issue
                script: "@daybook-billing/invoice/issue"
                params: {invoice_id: $activities.draft.output.invoice_id, due_days: 14}
                activities:
                  - id: pay
                    script: "@daybook-billing/payment/post"
                    params:
                      account_id: $activities.save.output.account_id
                      method: cash
                      amount: {amount: "150.00", currency: USD}
                      allocations:
                        - invoice_id: $activities.draft.output.invoice_id
                          amount: {amount: "150.00", currency: USD}
                  - id: adjust
                    script: "@daybook-billing/adjustment/apply"
                    params:
                      account_id: $activities.save.output.account_id
                      invoice_id: $activities.draft.output.invoice_id
                      reason: COURTESY
                      direction: credit
                      amount: {amount: "50.00", currency: USD}
"""


async def test_a_case_is_billed_by_commands_of_the_run(configured: Configured) -> None:
    configured.project.commit(workflows__w_yaml=BILLING)
    run_id = await configured.run(given={"patient": "p1"})
    outputs = await configured.outputs(run_id)
    assert await configured.over(run_id) == ["completed"], await configured.failure(run_id)
    assert [*outputs] == ["save", "capture", "draft", "issue", "pay", "adjust"]
    clinic = configured.clinic
    captured = await clinic.events(ChargeCaptured)
    assert [each.total.amount for each in captured] == ["200.00", "25.00"]
    assert outputs["capture"]["charges"][1]["charge_id"] == captured[1].charge_id
    (drafted,) = await clinic.events(InvoiceDrafted)
    (issued,) = await clinic.events(InvoiceIssued)
    assert drafted.line_count == 1
    assert outputs["issue"]["number"] == issued.number
    (posted,) = await clinic.events(PaymentPosted)
    (adjusted,) = await clinic.events(AdjustmentApplied)
    assert (posted.amount.amount, adjusted.amount.amount) == ("150.00", "50.00")
    account_id = outputs["save"]["account_id"]
    assert (await clinic.ledger())["1100", account_id] == 2_500
    # Another run for the same patient has the same account, and charges of its own.
    again = await configured.run(name="2", given={"patient": "p1"})
    assert (await configured.outputs(again))["save"]["account_id"] == account_id
    assert await clinic.count(ChargeCaptured) == 4


RETRIED = """from daybook_activity import call, current

CHARGE = {"facility": "north", "code": "A", "system": "cpt", "service_date": "2026-03-02",
          "currency": "USD"}


def main(params):
    case = call("billing-case/save", patient_id="p1", facility="north", currency="USD")
    charge = CHARGE | {"account_id": case["account_id"]}
    made = [call("charge/capture", charges=[charge], step=step) for step in ("one", "two")]
    if current().attempt < 3:
        raise OSError("after the ledger was changed")
    return [each["charges"][0]["charge_id"] for each in made]
"""


async def test_a_script_that_is_run_again_changes_the_ledger_once(configured: Configured) -> None:
    configured.project.commit(
        workflows__w_yaml=one_activity(retry="{attempts: 3, backoff_seconds: 0}"),
        activities__say_py=RETRIED,
    )
    run_id = await configured.run()
    captured = await configured.clinic.events(ChargeCaptured)
    outputs = await configured.outputs(run_id)
    assert outputs["say"] == [each.charge_id for each in captured]
    assert len({*outputs["say"]}) == 2
    (step,) = await configured.of(run_id, WorkflowRunStepCompleted)
    assert step.attempts == 3


@pytest.mark.parametrize(
    ("script", "params", "code"),
    [
        ("invoice/issue", "{invoice_id: inv_none}", "NOT_FOUND"),
        ("invoice/issue", "{invoice_id: inv_none, due_days: x}", "VALIDATION_FAILED"),
        ("invoice/draft", "{account: acc_none}", "VALIDATION_FAILED"),
        ("charge/capture", "{charges: [{}]}", "VALIDATION_FAILED"),
        ("fhir/upsert", "{resource: {resourceType: Patient, gender: 5}}", "FHIR_REFUSED"),
        ("fhir/search", "{type: Patient, params: {nonsense: x}}", "FHIR_REFUSED"),
        ("billing-case/fetch-context", "{encounterId: e1}", "SCRIPT_FAILED"),
    ],
)
async def test_what_is_refused_fails_the_activity_with_the_refusals_code(
    configured: Configured, script: str, params: str, code: str
) -> None:
    retry = "{attempts: 5, backoff_seconds: 0}"
    text = one_activity(f"@daybook-billing/{script}", params=params, retry=retry)
    configured.project.commit(workflows__w_yaml=text)
    failed, _ = await configured.failure(await configured.run())
    assert (failed.code, failed.activity, failed.attempts) == (code, "say", 1)


async def test_a_call_that_there_is_not_is_refused_and_says_which_there_are(
    configured: Configured,
) -> None:
    script = "import daybook_activity\nmain = lambda p: daybook_activity.call('money/print')\n"
    configured.project.commit(workflows__w_yaml=one_activity(), activities__say_py=script)
    failed, detail = await configured.failure(await configured.run())
    assert failed.code == "CALL_UNKNOWN"
    assert "charge/capture" in detail


PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Ahmadi"}]}
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "finished",
    "class": {"code": "AMB"},
    "subject": {"reference": "Patient/p1"},
    "contained": [
        {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
    ],
    "diagnosis": [{"condition": {"reference": "#c1"}}],
}


def coverage(id_: str, status: str, patient: str = "p1") -> dict[str, Any]:
    return {
        "resourceType": "Coverage",
        "id": id_,
        "status": status,
        "beneficiary": {"reference": f"Patient/{patient}"},
        "payor": [{"display": "A payer"}],
    }


async def test_the_context_of_a_case_is_what_the_fhir_server_has(configured: Configured) -> None:
    fhir = configured.fhir(configured.clinic.tenant)
    for resource in (
        PATIENT,
        ENCOUNTER,
        coverage("held", "active"),
        coverage("over", "cancelled"),
        coverage("anothers", "active", "p2"),
    ):
        await fhir.upsert(resource)
    fetch = one_activity(
        "@daybook-billing/billing-case/fetch-context", params="{encounterId: $input.encounter}"
    )
    configured.project.commit(workflows__w_yaml=fetch)
    run_id = await configured.run(given={"encounter": "e1"})
    context = (await configured.outputs(run_id))["say"]
    assert context["encounter"]["id"] == "e1"
    assert context["patient"]["name"] == [{"family": "Ahmadi"}]
    assert [each["id"] for each in context["coverages"]] == ["held"]
    assert [each["id"] for each in context["conditions"]] == ["c1"]


async def test_resources_are_written_searched_and_read_by_scripts(configured: Configured) -> None:
    script = (
        "from daybook_activity import call\n"
        "def main(params):\n"
        "    identifier = 'urn:clinic|7'\n"
        "    made = [call('fhir/upsert', resource=params, identifier=identifier)['id']\n"
        "            for _ in range(2)]\n"
        "    found = call('fhir/search', type='Patient', params={'identifier': identifier})\n"
        "    return [made, [each['id'] for each in found],\n"
        "            call('fhir/read', type='Patient', id='nobody')]\n"
    )
    patient = "{resourceType: Patient, identifier: [{system: 'urn:clinic', value: '7'}]}"
    configured.project.commit(
        workflows__w_yaml=one_activity(params=patient), activities__say_py=script
    )
    made, found, missing = (await configured.outputs(await configured.run()))["say"]
    assert made[0] == made[1] == found[0]
    assert (len(found), missing) == (1, None)
