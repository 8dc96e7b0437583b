"""MethodRemoval on a real Temporal server: a card that was removed here pays nowhere any more."""

import structlog
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment

from domain.payment_method import RemovePaymentMethod
from services.adapters.sandbox_gateway import PAYS, SandboxGateway
from services.ports import Declined
from services.sagas import workflow_ids
from services.sagas.forgetting import Forgetting
from services.sagas.messages import ForgetMethod
from tests.workflows.clinic import Clinic, ServedClinic
from tests.workflows.till import PATIENT, Silent, Till, open_till, usd


async def remove(till: Till, method_id: str) -> None:
    await till.clinic.execute(
        RemovePaymentMethod(
            payment_method_id=method_id,  # type: ignore[arg-type]  # as it was saved
            account_id=till.account_id,
        )
    )


async def is_over(clinic: ServedClinic, method_id: str) -> bool:
    own = workflow_ids.of_one("payment-method", clinic.tenant, method_id)
    described = await clinic.client.get_workflow_handle(own).describe()
    return described.status is WorkflowExecutionStatus.COMPLETED


async def test_a_removed_card_is_forgotten_by_the_gateway_however_often_it_is_asked(
    busy_till: ServedClinic, till: Till, silent: Silent
) -> None:
    method_id = await till.save()
    silent.unanswered = 1
    await remove(till, method_id)
    await busy_till.settle(lambda: is_over(busy_till, method_id))
    assert [name for name, _ in silent.asked] == ["remove_method", "remove_method"]
    reference = silent.asked[0][1]
    gateway = SandboxGateway(busy_till.pool)
    assert isinstance(await gateway.charge("pay_1", usd(100), reference, "pay_1"), Declined)


async def test_a_card_that_is_not_removed_stays(clinic: Clinic) -> None:
    till = await open_till(clinic)
    method_id = await till.save(PAYS)
    work = ForgetMethod(tenant=clinic.tenant, payment_method_id=method_id)
    await ActivityEnvironment().run(Forgetting(clinic.pool, _unasked()).forget, work)


async def test_of_a_forgotten_person_the_card_cannot_be_named_and_somebody_is_told(
    clinic: Clinic,
) -> None:
    till = await open_till(clinic)
    method_id = await till.save()
    await remove(till, method_id)
    await clinic.admin.execute("DELETE FROM subject_keys WHERE subject_id = $1", PATIENT)
    work = ForgetMethod(tenant=clinic.tenant, payment_method_id=method_id)
    with structlog.testing.capture_logs() as lines:
        await ActivityEnvironment().run(Forgetting(clinic.pool, _unasked()).forget, work)
    assert [line["payment_method_id"] for line in lines] == [method_id]


def _unasked() -> SandboxGateway:
    """A gateway that nobody may ask: it has no books."""
    return SandboxGateway(None)  # type: ignore[arg-type]  # nothing opens it
