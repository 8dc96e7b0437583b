"""What is too much at once is told to come again, and one tenant leaves room for others."""

import asyncio

import pytest

from services.api.crowding import Crowd
from services.api.problems import Problem
from tests.fixtures.databases import Database
from tests.fixtures.http_api import api_over
from tests.fixtures.visits import account_body
from tests.fixtures.waiting import until


async def test_a_flood_is_told_to_come_again_and_everything_else_goes_on(
    database: Database,
) -> None:
    crowd = Crowd(requests_max=8, requests_per_tenant_max=4)
    async with api_over(database, crowd=crowd) as api:
        owner = await database.admin()
        async with owner.acquire() as other:
            transaction = other.transaction()
            await transaction.start()
            # Nothing can be written, so that all that is let in stays.
            await other.execute("LOCK TABLE account_heads")
            flood = [
                asyncio.create_task(api.post("/v1/accounts", account_body(f"p{number}")))
                for number in range(12)
            ]

            async def refused() -> bool:
                return sum(task.done() for task in flood) == 8

            await until(refused)
            elsewhere = await api.client.get("/v1/events?follow=false")
            other_tenant = await api.client.get(
                "/v1/payments/pay_01h455vb4pex5vsknk084sn02q", headers={"x-test-tenant": "other"}
            )
            await transaction.rollback()
        answers = await asyncio.gather(*flood)
    assert elsewhere.status_code == 200
    assert other_tenant.status_code == 404
    told = [answer for answer in answers if answer.status_code == 429]
    assert len(told) == 8
    assert all(
        (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_REQUESTS") for answer in told
    )
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in told)
    assert [answer.status_code for answer in answers].count(201) == 4


def test_room_is_given_back_whatever_became_of_a_request() -> None:
    crowd = Crowd(requests_max=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="lost"), crowd.joined("demo"):
            raise ValueError("lost")
    with crowd.joined("demo"), pytest.raises(Problem), crowd.joined("other"):
        pass
