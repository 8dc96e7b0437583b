"""Licences: remembered, asked for again, held while their server is away, and then closed."""

import asyncio
from pathlib import Path

import pytest

from services.adapters.licences import FileLicences, HttpLicences
from services.adapters.outbound import Outbound
from services.cannot_run import CannotRun
from services.licences import UNLIMITED, Licences, Module, ModuleNotActive
from services.ports import LicenceClient, LicencesAway
from tests.fixtures.http_server import Asked, Reply, http_server

Table = dict[str, list[str]]
TABLE: Table = {"demo": ["core", "gl_export"], "none": []}


def answer(asked: Asked) -> Reply:
    tenant = asked.path.rpartition("/")[2]
    return Reply(200, {"modules": TABLE[tenant]}) if tenant in TABLE else Reply(404, {})


async def keeps_the_contract(client: LicenceClient) -> None:
    assert await client.modules("demo") == {"core", "gl_export"}
    assert await client.modules("none") == frozenset()
    assert await client.modules("strange") == frozenset()


async def test_a_server_says_what_is_licensed() -> None:
    with http_server(answer) as server:
        async with Outbound(server.url + "/licences", setting="S") as outbound:
            await keeps_the_contract(HttpLicences(outbound))


async def test_a_file_says_what_is_licensed_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "licences.json"
    path.write_text('{"demo": ["core", "gl_export"], "none": []}')
    client = FileLicences(path)
    await keeps_the_contract(client)
    path.write_text('{"*": ["core"], "none": []}')
    assert await client.modules("demo") == {"core"}
    assert await client.modules("none") == frozenset()
    path.write_text("{")
    with pytest.raises(LicencesAway):
        await client.modules("demo")
    for content in ("{", "[]", '{"demo": "core"}'):
        path.write_text(content)
        with pytest.raises(CannotRun, match="DAYBOOK_LICENCE_FILE"):
            FileLicences(path)
    with pytest.raises(CannotRun, match="DAYBOOK_LICENCE_FILE"):
        FileLicences(tmp_path / "none.json")


@pytest.mark.parametrize(
    "reply",
    [None, Reply(500, {}), Reply(200, {}), Reply(200, {"modules": "core"}), Reply(200, b"<html>")],
    ids=range(5),
)
async def test_what_is_no_licence_is_no_answer(reply: Reply | None) -> None:
    with http_server(lambda _: reply) as server:
        async with Outbound(server.url, setting="S") as outbound:
            with pytest.raises(LicencesAway):
                await HttpLicences(outbound).modules("demo")


class Client:
    """Licenses the core while it answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False
        self.modules_ = frozenset({"core"})

    async def modules(self, tenant: str) -> frozenset[str]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise LicencesAway("no answer")
        return self.modules_


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def is_active(licences: Licences, module: Module = Module.CORE) -> bool:
    try:
        await licences.require("demo", module)
    except ModuleNotActive:
        return False
    return True


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_callers_ask_once_and_the_answer_is_remembered() -> None:
    client, clock = Client(), Clock()
    licences = Licences(client, clock=clock)
    assert all(await asyncio.gather(*(is_active(licences) for _ in range(50))))
    assert not await is_active(licences, Module.STATEMENTS)
    assert client.asked == 1


async def test_what_is_no_longer_fresh_is_asked_for_beside_the_answer() -> None:
    client, clock = Client(), Clock()
    licences = Licences(client, fresh_seconds=60, clock=clock)
    assert await is_active(licences)
    client.modules_ = frozenset()
    clock.seconds += 61
    assert await is_active(licences)
    await settled()
    assert not await is_active(licences)
    assert client.asked == 2


async def test_the_last_answer_holds_while_the_server_is_away_and_then_nothing_is_active() -> None:
    client, clock = Client(), Clock()
    licences = Licences(client, fresh_seconds=60, stale_seconds=3600, clock=clock)
    assert await is_active(licences)
    client.is_away = True
    clock.seconds += 3599
    for _ in range(20):
        assert await is_active(licences)
        await settled()
    assert client.asked == 2  # not at every request
    clock.seconds += 2
    with pytest.raises(ModuleNotActive, match="does not answer") as closed:
        await licences.require("demo", Module.CORE)
    assert closed.value.is_away
    client.is_away = False
    clock.seconds += 11
    assert await is_active(licences)


async def test_nothing_is_active_before_the_first_answer() -> None:
    client = Client()
    client.is_away = True
    licences = Licences(client, clock=Clock())
    with pytest.raises(ModuleNotActive) as closed:
        await licences.require("demo", Module.CORE)
    assert closed.value.is_away


async def test_without_a_licence_server_everything_is_active() -> None:
    for module in Module:
        assert await is_active(UNLIMITED, module)
