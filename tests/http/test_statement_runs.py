"""Runs of statements over HTTP, and the links that lead to documents."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from services.links import PATH, Link, sign_link
from services.objects import object_key
from services.ports import Channel
from services.sagas.messages import EndStatementRun, FacilitiesAfter, StatementPage
from services.sagas.stating import Stating
from services.statements.making import Making
from services.statements.post import Post
from tests.fixtures.http_api import LINK_KEYS, Api
from tests.fixtures.visits import account_body, charge_body
from tests.http.test_problems import check
from tests.workflows.stating import Noting

RUNS = "/v1/statement-runs"
TODAY = datetime.now(UTC).date().isoformat()


def link(tenant: str, document: str, until: datetime) -> str:
    """The path of a document's link."""
    return f"{PATH}/{sign_link(LINK_KEYS, Link(tenant, document, until))}"


def stating(api: Api, mail: Noting) -> Stating:
    """What the worker has."""
    parts = api.dependencies
    post = Post(parts.objects, dict.fromkeys(Channel, mail), link)
    making = Making(parts.writer, parts.reader, parts.render, post)
    return Stating(parts.executor, parts.writer, parts.reader, making)


async def charged(api: Api, patient: str, **contact: str) -> str:
    opened = await api.post("/v1/accounts", account_body(patient, **contact))
    assert opened.status_code == 201, opened.text
    account_id: str = opened.json()["account_id"]
    assert (await api.post("/v1/charges", charge_body(account_id))).status_code == 201
    return account_id


async def started(api: Api, **fields: Any) -> str:
    answer = await api.post(RUNS, {"as_of_date": TODAY, **fields})
    assert answer.status_code == 202, answer.text
    run_id: str = answer.json()["run_id"]
    assert answer.headers["location"] == f"{RUNS}/{run_id}"
    await api.catch_up()
    return run_id


async def test_a_run_is_started_looked_at_while_it_runs_and_listed_when_it_ended(api: Api) -> None:
    mail = Noting()
    ours = stating(api, mail)
    await charged(api, "p1", email="ana@example.org")
    silent = await charged(api, "p2")
    run_id = await started(api, channels=["email"])
    run = (await api.client.get(f"{RUNS}/{run_id}")).json()
    assert (run["status"], run["total"], run["done"]) == ("running", None, 0)
    named = {"tenant": "demo", "run_id": run_id}
    worker = ActivityEnvironment()
    found = await worker.run(ours.find_facilities, FacilitiesAfter(**named, after=""))
    run = (await api.client.get(f"{RUNS}/{run_id}")).json()
    assert (run["total"], run["done"]) == (2, 0)
    for facility in found.facilities:
        await worker.run(ours.make, StatementPage(**named, facility=facility))
    run = (await api.client.get(f"{RUNS}/{run_id}")).json()
    assert (run["status"], run["done"], run["failed"]) == ("running", 2, 1)
    failures = (await api.client.get(f"{RUNS}/{run_id}/failures")).json()["items"]
    assert [(each["account_id"], each["code"]) for each in failures] == [(silent, "NO_CONTACT")]
    await worker.run(ours.end, EndStatementRun(**named))
    await worker.run(ours.end, EndStatementRun(**named))
    await api.catch_up()
    run = (await api.client.get(f"{RUNS}/{run_id}")).json()
    (listed,) = (await api.client.get(RUNS)).json()["items"]
    assert listed == {key: run[key] for key in listed}
    assert (run["status"], run["delivered"], run["failed"]) == ("completed", 1, 1)
    (given,) = mail.given
    document = await api.client.get(str(given.link))
    assert document.headers["content-type"] == "application/pdf"
    assert given.attachment is not None
    assert document.content == given.attachment.content


async def test_one_run_at_a_time_and_another_answer_to_a_repeat_under_its_key(api: Api) -> None:
    for patient, facility in (("p1", "north"), ("p2", "south")):
        opening = account_body(patient, facility=facility)
        assert (await api.post("/v1/accounts", opening)).status_code == 201
    body = {"as_of_date": TODAY, "facility": "north"}
    first = await api.post(RUNS, body, key="k")
    again = await api.post(RUNS, body, key="k")
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    check(await api.post(RUNS, body), 409, "STATE_CONFLICT")
    check(await api.post(RUNS, {"as_of_date": TODAY}), 409, "STATE_CONFLICT")
    assert (await api.post(RUNS, body | {"facility": "south"})).status_code == 202


async def test_a_run_that_cannot_be_is_refused(api: Api) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    check(await api.post(RUNS, {"as_of_date": tomorrow}), 400, "VALIDATION_FAILED")
    check(
        await api.post(RUNS, {"as_of_date": TODAY, "channels": ["fax"]}), 400, "VALIDATION_FAILED"
    )
    missing = f"{RUNS}/run_01h455vb4pex5vsknk084sn02q-1"
    check(await api.client.get(missing), 404, "NOT_FOUND")
    check(await api.client.get(f"{missing}/failures"), 404, "NOT_FOUND")


@pytest.mark.parametrize("contact", [{"email": "nobody"}, {"phone": "call me"}])
async def test_an_account_takes_no_address_that_nothing_reaches(
    api: Api, contact: dict[str, str]
) -> None:
    check(await api.post("/v1/accounts", account_body("p1", **contact)), 400, "VALIDATION_FAILED")


async def test_a_link_is_good_until_it_expires_and_for_its_document_alone(api: Api) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    await api.dependencies.objects.put(object_key("demo", "statements", "a.pdf"), b"%PDF-a")
    await api.dependencies.objects.put(object_key("demo", "gl-exports", "b.csv"), b"secret")
    good = link("demo", "statements/a.pdf", soon)
    answer = await api.client.get(good)
    assert (answer.status_code, answer.content) == (200, b"%PDF-a")
    assert "private" in answer.headers["cache-control"]
    wrong = (
        link("demo", "statements/a.pdf", datetime.now(UTC) - timedelta(seconds=1)),
        link("demo", "statements/none.pdf", soon),
        link("other", "statements/a.pdf", soon),
        link("demo", "gl-exports/b.csv", soon),
        link("demo", "statements/../gl-exports/b.csv", soon),
        f"{good}x",
        f"{PATH}/x",
    )
    for path in wrong:
        check(await api.client.get(path), 404, "NOT_FOUND")
