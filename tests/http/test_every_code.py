"""Every code of the error table is provoked over HTTP, each by its case in `provoking`."""

import asyncio

from services.api.codes import CODES
from services.code_checks import CodeChecks
from services.execute.executor import Executor
from services.ports import Verdict
from tests.fixtures.code_validators import Saying
from tests.fixtures.databases import Database
from tests.fixtures.http_api import api_over
from tests.fixtures.provoking import PROVOKED, open_desk
from tests.fixtures.visits import charge_body, open_account
from tests.http.test_problems import check


async def test_every_code_of_the_table_is_answered_by_the_running_api(database: Database) -> None:
    answered: dict[str, int] = {}
    async with open_desk(database) as desk:
        for code, provoke in PROVOKED.items():
            response = await provoke(desk)
            problem = check(response, CODES[code].status, code)
            answered[problem["code"]] = response.status_code
            assert ("retry-after" in response.headers) == (
                CODES[code].retry_after_seconds is not None
            )
    assert answered == {code: spec.status for code, spec in CODES.items()}


async def test_an_account_that_stays_locked_is_told_of_in_time(database: Database) -> None:
    writer = await database.pool("daybook_writer", 6)
    async with (
        Executor(writer, lock_timeout_seconds=0.2) as executor,
        api_over(database, executor=executor) as api,
    ):
        account_id = await open_account(api)
        owner = await database.admin()
        async with owner.acquire() as other, other.transaction():
            await other.execute("SELECT 1 FROM account_heads FOR UPDATE")
            async with asyncio.timeout(20):
                response = await api.post("/v1/charges", charge_body(account_id))
    assert (response.status_code, response.json()["code"]) == (409, "LOCK_TIMEOUT")
    assert int(response.headers["retry-after"]) >= 1
    assert "operation timed out" in response.json()["detail"]


async def test_a_code_that_nobody_could_look_up_is_refused_and_may_come_again(
    database: Database,
) -> None:
    writer = await database.pool("daybook_writer", 6)
    validator = Saying(Verdict.UNVERIFIED)
    async with (
        Executor(writer, examine=CodeChecks([validator])) as executor,
        api_over(database, executor=executor) as api,
    ):
        body = charge_body(await open_account(api))
        refused = await api.post("/v1/charges", body)
        assert (refused.status_code, refused.json()["code"]) == (400, "CODE_UNVERIFIED")
        assert refused.json()["errors"][0]["path"] == "$.code"
        validator.verdict = Verdict.VALID
        assert (await api.post("/v1/charges", body)).status_code == 201
