"""Every code of the error table is provoked over HTTP."""

import asyncio
import re
from pathlib import Path

from services.api.codes import CODES
from services.code_checks import CodeChecks
from services.execute.executor import Executor
from services.ports import Verdict
from tests.fixtures.code_validators import Saying
from tests.fixtures.databases import Database
from tests.fixtures.http_api import api_over
from tests.fixtures.visits import charge_body, open_account


def test_every_code_is_provoked_by_a_test_of_this_folder() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    # What a test compares a status with: (409, "STATE_CONFLICT"), or check(…, 409, "…").
    provoked = {
        code for text in texts for code in re.findall(r'\b[45]\d\d,\s*"([A-Z_]+)"', text)
    } | {code for text in texts for code in re.findall(r'\["code"\] == "([A-Z_]+)"', text)}
    missing = CODES.keys() - provoked
    assert missing == set(), "provoke them by a request in tests/http"


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
