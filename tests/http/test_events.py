"""A tenant's events over HTTP: in order, without a gap or a double, wherever a reader begins."""

import asyncio
import time
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts.cloudevent import from_nats, from_structured
from relay.jetstream import StreamSettings
from relay.message import Messages
from relay.outbox import open_ahead
from services.api.event_feed import EventFeed
from services.api.event_stream import EventStream
from services.api.problems import Problem
from tests.fixtures.databases import Database
from tests.fixtures.event_streams import Received, read_until, received, sequenced
from tests.fixtures.http_api import Api
from tests.fixtures.seeded_log import paid, seed
from tests.fixtures.served_api import served
from tests.fixtures.visits import account_body, open_account, payment_body
from tests.fixtures.waiting import until

OTHER = {"x-test-tenant": "other"}


async def open_accounts(client: httpx.AsyncClient, *names: str, **headers: str) -> None:
    for name in names:
        body = account_body(f"patient {name}", name="Zahra Ahmadi")
        assert (await client.post("/v1/accounts", json=body, headers=headers)).status_code == 201


async def all_of(client: httpx.AsyncClient, query: str = "", **headers: str) -> list[Received]:
    mark = "&" if query else "?"
    return await read_until(client, lambda _: False, f"{query}{mark}follow=false", **headers)


async def test_events_come_as_they_are_on_the_bus(api: Api) -> None:
    account_id = await open_account(api, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    found = await all_of(api.client)
    assert [event.id for event in found] == list(range(1, len(found) + 1))
    pool = await api.database.pool("daybook_sequencer", 2)
    async with open_ahead(pool) as ahead:
        rows = await ahead.read(0, 100)
    messages, obstacle = Messages(StreamSettings()).until_obstacle(rows, 1_000_000)
    assert obstacle is None
    for event, message in zip(found, messages, strict=True):
        headers = dict(line.split(": ", 1) for line in message.headers.splitlines())
        assert from_structured(_json(event)) == from_nats(headers, message.body)


def _json(event: Received) -> bytes:
    return msgspec.json.encode(event.data)


async def test_personal_fields_stay_sealed(api: Api) -> None:
    await api.post("/v1/accounts", account_body(name="Zahra Ahmadi"))
    await api.catch_up()
    (event,) = await all_of(api.client)
    assert "sealed" in event.data["data"]["name"]
    assert "Zahra" not in str(event)


async def test_a_reader_begins_where_it_says(api: Api) -> None:
    await open_accounts(api.client, *"abcdef")
    await api.catch_up()
    everything = await all_of(api.client)
    third = everything[2]
    for query, headers in (
        (f"?after={third.id}", {}),
        (f"?after={third.data['id']}", {}),
        ("", {"Last-Event-ID": str(third.id)}),
        ("?after=1", {"Last-Event-ID": str(third.id)}),
    ):
        assert await all_of(api.client, query, **headers) == everything[3:], query
    for query in ("?after=head", f"?after={everything[-1].id}"):
        assert await all_of(api.client, query) == []


async def test_a_reader_may_want_some_events_only(api: Api) -> None:
    account_id = await open_account(api)
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    for query in ("?entity=payment", "?type=billing.payment.posted.v1"):
        assert {event.type for event in await all_of(api.client, query)} == {
            "billing.payment.posted.v1"
        }
    assert await all_of(api.client, "?entity=account&type=billing.payment.posted.v1") == []


async def test_a_place_that_is_empty_is_none(api: Api) -> None:
    await api.catch_up()
    response = await api.client.get("/v1/events?follow=false", headers={"Last-Event-ID": ""})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "query",
    [
        "?after=",
        "?after=-1",
        "?after=1.5",
        "?after=x",
        "?after=acc_01h455vb4pex5vsknk084sn02q-1",
        "?after=99",
        "?after=99999999999999999999",
        "?after=%D9%A1",
        "?type=billing.nothing.done.v1",
        "?entity=nothing",
        "?entity=",
        "?follow=perhaps",
        "?limit=1",
    ],
)
async def test_what_cannot_be_read_from_is_refused(api: Api, query: str) -> None:
    await api.catch_up()
    response = await api.client.get(f"/v1/events{query}")
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_an_event_that_is_not_in_order_yet_is_not_there_yet(api: Api) -> None:
    await api.catch_up()
    token = (await api.post("/v1/accounts", account_body())).json()["token"]
    response = await api.client.get(f"/v1/events?after={token}")
    assert (response.status_code, response.json()["code"]) == (425, "NOT_YET")
    await api.catch_up()
    assert await all_of(api.client, f"?after={token}") == []


async def test_another_tenant_sees_nothing_and_knows_no_event(api: Api) -> None:
    token = (await api.post("/v1/accounts", account_body())).json()["token"]
    await api.catch_up()
    assert await all_of(api.client, **OTHER) == []
    for after in (token, "1"):
        refused = await api.client.get(f"/v1/events?after={after}", headers=OTHER)
        assert refused.status_code == 400
    await open_accounts(api.client, "theirs", **OTHER)
    await api.catch_up()
    (theirs,) = await all_of(api.client, **OTHER)
    assert (theirs.id, theirs.data["source"]) == (1, "/daybook/other")


async def test_the_head_of_a_stream_has_an_end(api: Api) -> None:
    response = await api.client.head("/v1/events")
    assert (response.status_code, response.content) == (200, b"")


async def test_many_readers_miss_and_double_nothing_while_the_log_grows(
    database: Database,
) -> None:
    """Each leaves again and again in the middle and comes back with its last id."""
    accounts = 40
    async with sequenced(database) as put_in_order, served(database) as (client, _):

        async def writes() -> None:
            for number in range(accounts):
                await open_accounts(client, str(number))
                if number % 3 == 0:
                    await open_accounts(client, str(number), **OTHER)
                await put_in_order()

        async def reads(step: int) -> list[Received]:
            found: list[Received] = []
            while len(found) < accounts:
                headers = {"Last-Event-ID": str(found[-1].id)} if found else {}
                left = min(step, accounts - len(found))
                found += await read_until(client, lambda some: len(some) >= left, **headers)  # noqa: B023, called within this turn
            return found

        reading = [asyncio.create_task(reads(step)) for step in (1, 7, 7, 13, accounts, accounts)]
        await writes()
        for found in await asyncio.gather(*reading):
            assert [event.id for event in found] == list(range(1, accounts + 1))
            assert {event.data["source"] for event in found} == {"/daybook/demo"}


async def test_one_connection_listens_for_all_readers(database: Database) -> None:
    async with sequenced(database) as put_in_order, served(database) as (client, _):
        readers = [
            asyncio.create_task(read_until(client, lambda some: len(some) == 2)) for _ in range(50)
        ]
        await until(lambda: streams(client, 50))
        admin = await database.admin()
        assert await _listening(admin) == 1
        await open_accounts(client, "a", "b")
        await put_in_order()
        for found in await asyncio.gather(*readers):
            assert [event.id for event in found] == [1, 2]
        await until(lambda: streams(client, 0))


async def streams(client: httpx.AsyncClient, count: int) -> bool:
    return f"daybook_event_streams {count}.0" in (await client.get("/metrics")).text


async def _listening(admin: asyncpg.Pool) -> int:
    found = await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    )
    return int(found)


async def test_a_stop_ends_streams_at_once(database: Database) -> None:
    async with sequenced(database), served(database) as (client, stopping):
        reading = asyncio.create_task(read_until(client, lambda _: False))
        await until(lambda: streams(client, 1))
        stopping.set()
        assert await reading == []


async def test_a_reader_that_takes_nothing_is_disconnected(api: Api) -> None:
    await api.catch_up()
    feed = await a_feed(api)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    await play(a_stream(feed, send_seconds_max=0.05), send)
    assert feed.ended.labels("slow")._value.get() == 1


async def test_nothing_is_collected_for_a_reader_that_takes_nothing(database: Database) -> None:
    """The server holds a sender back once its own buffers and the socket's are full."""
    event = msgspec.structs.replace(paid("acc_1"), settled_by="x" * 200_000)
    count = 80
    await seed(database.url, [("demo", f"inv_{number}", 1, event) for number in range(count)])
    path = "/v1/events?follow=false"
    async with served(database) as (client, _), client.stream("GET", path, timeout=20) as slow:
        # Another one reads the whole log meanwhile, time enough to send it to the slow one, too.
        assert len(await all_of(client)) == count
        assert await streams(client, 1)
        assert len([each async for each in received(slow)]) == count


async def test_an_idle_stream_says_that_it_is_alive_and_ends_with_its_token(api: Api) -> None:
    await open_accounts(api.client, "a")
    await api.catch_up()
    feed = await a_feed(api)
    contents: list[bytes] = []
    closes_at = time.time() + 0.5

    async def send(message: Any) -> None:
        contents.append(message.get("body", b""))

    stream = a_stream(feed, wanted=lambda _: False, until_seconds=closes_at)
    await play(stream, send)
    # What it does not want moves a reader on too, so that it does not begin there again.
    assert b"id: 1\n\n" in contents
    assert contents[-2:] == [b":\n\n", b""]
    assert feed.ended.labels("done")._value.get() == 1


async def test_there_are_only_so_many_streams(api: Api) -> None:
    feed = await a_feed(api, streams_max=3, streams_per_tenant_max=2)
    with feed.reader("demo"), feed.reader("demo"):
        with pytest.raises(Problem) as refused, feed.reader("demo"):
            pass
        assert refused.value.code == "TOO_MANY_REQUESTS"
        with feed.reader("other"), pytest.raises(Problem), feed.reader("third"):
            pass
    with feed.reader("demo"):
        pass


async def a_feed(api: Api, **changes: int) -> EventFeed:
    return EventFeed(await api.database.pool("daybook_reader", 2), CollectorRegistry(), **changes)


async def play(stream: EventStream, send: Any) -> None:
    """Run a stream to its own end; its client never leaves."""
    async with asyncio.timeout(20):
        await stream({"type": "http"}, _never, send)  # type: ignore[arg-type]  # a part of one


async def _never() -> Any:
    await asyncio.Event().wait()


def a_stream(feed: EventFeed, **changes: Any) -> EventStream:
    wanted: dict[str, Any] = {
        "wanted": lambda _: True,
        "follow": True,
        "until_seconds": None,
        "heartbeat_seconds": 0.01,
    }
    return EventStream(feed, "demo", 0, **(wanted | changes))


async def test_an_answer_has_the_headers_of_its_own_request_alone(api: Api) -> None:
    for name in ("first", "second"):
        headers = {"X-Correlation-Id": name}
        response = await api.client.get("/v1/events?follow=false", headers=headers)
        assert response.headers.get_list("x-correlation-id") == [name]
        assert len(response.headers) == len(set(response.headers.multi_items()))
