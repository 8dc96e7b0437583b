"""Runs of workflows over HTTP: asked for, read, listed, cancelled; the config project synced."""

from pathlib import Path

import pytest

from services.api.workflow_runs import INPUT_BYTES_MAX
from services.workflows.projects import Projects
from services.workflows.use import note_use
from tests.fixtures.config_projects import SCRIPT, ConfigProject, one_activity
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api, api_over
from tests.http.test_problems import check

RUNS = "/v1/workflow-runs"


async def test_a_run_is_asked_for_and_read_with_its_input(api: Api) -> None:
    body = {
        "workflow": "prebill",
        "input": {"encounterId": "e1", "deep": [1, None, {"x": 0.5}]},
        "branch": "feature/one",
        "tenantOrganizationId": "org-1",
    }
    asked = await api.post(RUNS, body, "k")
    assert asked.status_code == 202, asked.text
    run_id = asked.json()["workflow_run_id"]
    assert asked.headers["location"] == f"{RUNS}/{run_id}"
    again = await api.post(RUNS, body, "k")
    assert (again.json(), again.headers["idempotency-replayed"]) == (asked.json(), "true")
    await api.catch_up()
    found = (await api.client.get(f"{RUNS}/{run_id}?after={asked.json()['token']}")).json()
    assert found["input"] == body["input"]
    assert (found["status"], found["branch"], found["steps"]) == ("requested", "feature/one", [])
    assert found["tenantOrganizationId"] == "org-1"
    listed = (await api.client.get(RUNS)).json()
    assert [each["workflow_run_id"] for each in listed["items"]] == [run_id]


async def test_the_input_of_a_run_is_nowhere_in_clear(api: Api, database: Database) -> None:
    await api.post(RUNS, {"workflow": "prebill", "input": {"name": "Zahra Ahmadi"}})
    await api.catch_up()
    admin = await database.admin()
    kept = await admin.fetch("SELECT convert_from(body, 'UTF8') AS body FROM events")
    assert kept
    assert not any("Zahra" in row["body"] for row in kept)
    assert not any(
        "Zahra" in row["input"]
        for row in await admin.fetch("SELECT input::text AS input FROM read.workflow_runs")
    )


async def test_a_run_is_cancelled_once_and_another_tenants_is_not_known(api: Api) -> None:
    run_id = (await api.post(RUNS, {"workflow": "prebill"})).json()["workflow_run_id"]
    strange = await api.post(f"{RUNS}/{run_id}/cancel", {}, **{"x-test-tenant": "other"})
    check(strange, 404, "NOT_FOUND")
    first = await api.post(f"{RUNS}/{run_id}/cancel", {})
    second = await api.post(f"{RUNS}/{run_id}/cancel", {})
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["version"] == second.json()["version"] == 2
    await api.catch_up()
    found = (await api.client.get(f"{RUNS}/{run_id}")).json()
    assert found["cancel_requested_at"] is not None
    theirs = await api.client.get(f"{RUNS}/{run_id}", headers={"x-test-tenant": "other"})
    check(theirs, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.workflow"),
        ({"workflow": "../w"}, "$.workflow"),
        ({"workflow": "w\n"}, "$.workflow"),
        ({"workflow": "w", "branch": "-x"}, "$.branch"),
        ({"workflow": "w", "branch": "a b"}, "$.branch"),
        ({"workflow": "w", "input": []}, "$.input"),
        ({"workflow": "w", "input": {"x": "x" * INPUT_BYTES_MAX}}, "$.input"),
        ({"workflow": "w", "tenantOrganizationId": "a/b"}, "$.tenantOrganizationId"),
        ({"workflow": "w", "more": 1}, "$.more"),
    ],
)
async def test_what_cannot_be_run_is_refused_with_its_path(
    api: Api, body: dict[str, object], path: str
) -> None:
    problem = check(await api.post(RUNS, body), 400, "VALIDATION_FAILED")
    assert [each["path"] for each in problem["errors"]] in ([path], ["$"])


async def test_a_sync_takes_its_scope_and_keeps_what_runs_use(
    database: Database, tmp_path: Path
) -> None:
    project = ConfigProject(tmp_path)
    project.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "one")
    projects = Projects(project.settings)
    used = projects.commit(None)
    projects.checkout(used)
    newest = project.commit(activities__say_py=SCRIPT % "two")
    projects.checkout(newest)
    async with api_over(database, workflows=project.settings) as api:
        # A run of any tenant counts.
        await note_use(api.dependencies.writer, "another", "wfr_1", used)
        refused = await api.post("/repo/sync", {}, **{"x-test-scopes": "billing:workflow:run"})
        check(refused, 403, "ACCESS_DENIED")
        synced = await api.post("/repo/sync", {})
    assert synced.status_code == 200, synced.text
    assert synced.json() == {"fetched": False, "branches": {"main": newest}, "removed": [newest]}
    assert (project.settings.checkouts_dir / used / "activities/say.py").exists()


async def test_without_a_config_project_a_sync_says_what_to_set(
    database: Database, tmp_path: Path
) -> None:
    settings = ConfigProject(tmp_path).settings
    async with api_over(database, workflows=settings) as api:
        problem = check(await api.post("/repo/sync", {}), 409, "STATE_CONFLICT")
    assert "no commit yet" in problem["detail"]
    async with api_over(database) as api:
        problem = check(await api.post("/repo/sync", {}), 409, "STATE_CONFLICT")
    assert "set WORKFLOW_DIR" in problem["detail"]
