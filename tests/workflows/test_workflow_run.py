"""WorkflowRun on a real Temporal server: a project's files are worked through and recorded."""

from base64 import b64encode

import pytest

from contracts.workflow_run import WorkflowRunStarted
from domain import naming
from domain.plan import compile_plan, digest
from services.sagas.codec import PayloadKeyMissing, PayloadKeys
from tests.fixtures.config_projects import SCRIPT, one_activity
from tests.workflows.configured import Configured

TREE = """id: w
activities:
  - id: one
    script: ./activities/double.py
    params: {number: $input.number}
    activities:
      - id: two
        script: ./activities/double.py
        params: {number: $activities.one.output.number}
      - id: never
        script: ./activities/double.py
        applicability: [$activities.one.output.none]
        activities:
          - {id: below, script: ./activities/double.py}
  - id: last
    script: ./activities/double.py
    params: {number: "$input.list[1].n", kept: $$5}
"""
DOUBLE = """async def main(params):
    return {"number": 2 * (params["number"] or 0), "given": params}
"""


async def test_a_tree_is_worked_through_depth_first_with_its_parameters(
    configured: Configured,
) -> None:
    commit = configured.project.commit(workflows__w_yaml=TREE, activities__double_py=DOUBLE)
    run_id = await configured.run(given={"number": 5, "list": [{}, {"n": 7}]})
    assert await configured.over(run_id) == ["completed"]
    assert await configured.outputs(run_id) == {
        "one": {"number": 10, "given": {"number": 5}},
        "two": {"number": 20, "given": {"number": 10}},
        "last": {"number": 14, "given": {"number": 7, "kept": "$5"}},
    }
    (skipped,) = await configured.skipped(run_id)
    assert skipped.activities == ("never", "below")
    assert skipped.condition == "$activities.one.output.none"
    (started,) = await configured.of(run_id, WorkflowRunStarted)
    assert (started.commit, started.activity_count) == (commit, 5)
    assert started.plan_digest == digest(compile_plan(TREE, "w.yaml").plan)


async def test_main_and_two_branches_run_their_own_code_at_once(configured: Configured) -> None:
    project = configured.project
    project.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "main")
    for name in ("feature/one", "two"):
        project.branch(name)
        project.commit(activities__say_py=SCRIPT % name)
        project.go_to("main")
    branches = (None, "feature/one", "two")
    run_ids = [await configured.ask(str(each), branch=each) for each in branches]
    assert await configured.over(*run_ids) == ["completed"] * 3
    said = [(await configured.outputs(each))["say"]["said"] for each in run_ids]
    assert said == ["main", "feature/one", "two"]


async def test_without_its_key_nothing_of_a_run_can_be_read_in_temporal_either(
    configured: Configured,
) -> None:
    clinic = configured.clinic
    configured.project.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "x")
    run_id = await configured.run(given={"name": "Zahra Ahmadi"})
    handle = clinic.client.get_workflow_handle(configured.workflow_id(run_id))
    await handle.result()
    sealed = (await handle.fetch_history()).to_json()
    assert b64encode(b"Zahra").decode()[:6] not in sealed
    assert "Zahra" not in sealed
    subject = naming.workflow_run_subject(run_id)
    keys = PayloadKeys(clinic.pool)
    await keys.to_open(clinic.tenant, subject)
    await clinic.admin.execute("DELETE FROM subject_keys WHERE subject_id = $1", subject)
    with pytest.raises(PayloadKeyMissing):
        await PayloadKeys(clinic.pool).to_open(clinic.tenant, subject)
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    assert {each.metadata["subject"].decode() for each in started.input.payloads} == {subject}
