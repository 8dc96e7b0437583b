"""The API over a real socket: started, called, and stopped while requests are in flight."""

import asyncio
import socket

import asyncpg
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.api.server import serve_api
from tests.fixtures.databases import Database
from tests.fixtures.http_api import Api
from tests.fixtures.served_api import HOST, free_port, served
from tests.fixtures.visits import account_body, charge_body, payment_body
from tests.fixtures.waiting import until


async def test_commands_and_health_over_a_socket(database: Database) -> None:
    async with served(database) as (client, _):
        assert (await client.get("/health/ready")).status_code == 200
        opened = await client.post("/v1/accounts", json=account_body(name="Ana"))
        account_id = opened.json()["account_id"]
        responses = await asyncio.gather(
            *(
                client.post(
                    "/v1/payments",
                    json=payment_body(account_id),
                    headers={"Idempotency-Key": "k"},
                )
                for _ in range(16)
            )
        )
        assert {response.status_code for response in responses} == {201}
        assert len({response.text for response in responses}) == 1
        missing = await client.get("/v1/nothing")
        assert missing.headers["content-type"] == "application/problem+json"


async def test_a_body_over_the_limit_leaves_the_server_well(database: Database) -> None:
    async with served(database) as (client, _):
        headers = {"Content-Type": "application/json"}
        for _ in range(10):
            refused = await client.post("/v1/accounts", content=b" " * 3_000_000, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
            lost = await client.post("/v1/nothing", content=b" " * 100_000, headers=headers)
            assert (lost.status_code, lost.json()["code"]) == (404, "NOT_FOUND")
            assert (await client.post("/v1/accounts", json=account_body())).status_code < 500


async def test_head_over_a_socket_has_the_length_and_no_body(database: Database) -> None:
    async with served(database) as (client, _):
        for _ in range(2):  # on one connection: a body would be taken for the next answer
            head, get = await client.head("/health/live"), await client.get("/health/live")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(get.content))


async def test_a_client_that_leaves_within_its_body_is_not_counted_as_our_fault(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(database) as (client, _):
        port = client.base_url.port
        assert port is not None
        for announced in ("Content-Length: 999", "Transfer-Encoding: chunked"):
            _, writer = await asyncio.open_connection(HOST, port)
            head = f"POST /v1/accounts HTTP/1.1\r\nHost: {HOST}:{port}\r\n"
            typed = f"{head}Content-Type: application/json\r\n{announced}\r\n\r\n"
            writer.write(typed.encode() + b'5\r\n{"pat\r\n')
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def both_are_counted() -> bool:
            return 'route="/v1/accounts",status="400"} 2.0' in (await client.get("/metrics")).text

        await until(both_are_counted)
        assert 'status="5' not in (await client.get("/metrics")).text
        assert "request failed" not in capsys.readouterr().out


async def test_a_stop_lets_requests_in_flight_end(database: Database) -> None:
    async with served(database) as (client, stopping):
        account_id = (await client.post("/v1/accounts", json=account_body())).json()["account_id"]
        owner = await database.admin()
        async with owner.acquire() as other:
            transaction = other.transaction()
            await transaction.start()
            # The account is held, so that the charge is in flight when the stop comes.
            await other.execute("SELECT 1 FROM account_heads FOR UPDATE")
            charging = asyncio.create_task(client.post("/v1/charges", json=charge_body(account_id)))
            await _waiting_for_a_lock(owner)
            stopping.set()
            await transaction.rollback()
        response = await charging
        assert response.status_code == 201


async def _waiting_for_a_lock(owner: asyncpg.Pool) -> None:
    async with asyncio.timeout(20):
        while not await owner.fetchval(  # noqa: ASYNC110, a lock in Postgres sets no event here
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        ):
            await asyncio.sleep(0.01)


async def test_a_port_that_is_taken_is_an_error_with_its_name(api: Api) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"{HOST}:{port} cannot be served"):
            await serve_api(api.dependencies, HOST, port, asyncio.Event())


async def test_a_stop_before_any_request_ends_the_server(api: Api) -> None:
    stopping = asyncio.Event()
    stopping.set()
    dependencies = msgspec.structs.replace(api.dependencies, registry=CollectorRegistry())
    async with asyncio.timeout(20):
        await serve_api(dependencies, HOST, free_port(), stopping)
