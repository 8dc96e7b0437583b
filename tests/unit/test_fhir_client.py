"""Our FHIR client against servers that are away, slow to say so, wrong or hostile."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from services.adapters import fhir_gateway
from services.adapters.choice import Ports
from services.adapters.fhir import TIMES_MAX, FhirRest, FhirServers
from services.adapters.fhir_gateway import RestGateway
from services.adapters.fhir_store import StoredFhir, StoreGateway
from services.adapters.outbound import Answer
from services.cannot_run import CannotRun
from services.fhir.naming import POSITION
from services.fhir.showing import Shown
from services.ports import FhirAway, FhirRefused
from tests.fixtures.http_server import Asked, Reply, Server, http_server
from tests.unit.test_chosen_adapters import NO_POOL, ports

PATIENT = {"resourceType": "Patient", "id": "p1"}
Respond = Callable[[Asked], Reply | None]


@asynccontextmanager
async def fhir_at(respond: Respond) -> AsyncIterator[tuple[FhirServers, Server]]:
    with http_server(respond) as server:
        servers = FhirServers(f"{server.url}/fhir", "secret", again_seconds=0.0001)
        yield servers, server
        await servers.close()


def in_turn(*replies: Reply | None) -> Respond:
    """One reply after the other, the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no, for a reason"}]}


@pytest.mark.parametrize("first", [None, *map(Reply, (429, 500, 502, 503, 504, 401, 408))])
async def test_what_may_be_repeated_is_while_the_server_is_away(first: Reply | None) -> None:
    async with fhir_at(in_turn(first, Reply(content=PATIENT))) as (servers, server):
        assert await servers("demo").read("Patient", "p1") == PATIENT
        assert len(server.asked) == 2
        assert server.asked[0].headers["authorization"] == "Bearer secret"
    async with fhir_at(in_turn(first, Reply(content=PATIENT))) as (servers, _):
        assert await servers("demo").upsert(PATIENT) == PATIENT
    async with fhir_at(in_turn(first)) as (servers, server):
        with pytest.raises(FhirAway):
            await servers("demo").read("Patient", "p1")
        assert len(server.asked) == TIMES_MAX


async def test_what_may_not_be_done_twice_is_sent_again_only_if_nothing_was_done() -> None:
    for reply, times in ((Reply(503), 2), (Reply(429), 2), (Reply(500), 1), (None, 1)):
        async with fhir_at(in_turn(reply, Reply(201, PATIENT))) as (servers, server):
            client = servers("demo")
            if times == 1:
                with pytest.raises(FhirAway):
                    await client.create(PATIENT)
            else:
                assert await client.create(PATIENT) == PATIENT
            assert len(server.asked) == times, reply


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422])
async def test_a_refusal_is_not_repeated_and_says_why(status: int) -> None:
    async with fhir_at(in_turn(Reply(status, OUTCOME))) as (servers, server):
        with pytest.raises(FhirRefused, match="for a reason") as refused:
            await servers("demo").upsert(PATIENT)
        assert refused.value.status == status
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b'{"resourceType":7}', b"[" * 10_000, b"\xff"],
)
async def test_an_answer_that_is_no_resource_is_no_answer(body: bytes) -> None:
    async with fhir_at(in_turn(Reply(200, body))) as (servers, _):
        with pytest.raises(FhirAway):
            await servers("demo").read("Patient", "p1")


def page(*ids: str, following: str = "") -> Reply:
    entries: list[dict[str, Any]] = [{"resource": PATIENT | {"id": id_}} for id_ in ids]
    entries.append({"resource": OUTCOME})
    link = [{"relation": "next", "url": following}] if following else []
    return Reply(content={"resourceType": "Bundle", "entry": entries, "link": link})


async def test_pages_are_followed_on_this_server_alone() -> None:
    elsewhere = ("https://evil.example/fhir/Patient?page=2", "//evil.example/fhir/x", "/fhirs/x")
    out_of_it = (
        "/fhir/../admin?x",
        "/fhir/%2e%2e/admin",
        "/fhir/./../admin",
        "/Observation?page=2",
    )
    for following in (*elsewhere, *out_of_it):
        async with fhir_at(in_turn(page("a", following=following))) as (servers, server):
            with pytest.raises(FhirAway, match="not followed"):
                await servers("demo").search("Patient", {})
            assert len(server.asked) == 1

    def two_pages(asked: Asked) -> Reply:
        if "page" in asked.query:
            return page("b")
        host = asked.headers["host"]
        return page("a", following=f"https://{host}/fhir/Patient?page=2")

    async with fhir_at(two_pages) as (servers, server):
        found = await servers("demo").search("Patient", {"identifier": "urn:mrn|7"})
        assert [each["id"] for each in found] == ["a", "b"]
        assert server.asked[0].query["identifier"] == "urn:mrn|7"


@pytest.mark.parametrize(
    "following",
    [
        "https://hapi.example/baseR4?_getpages=abc&page=2",  # HAPI's are at its base
        "https://hapi.example:443/baseR4/Patient?page=2",
        "/Patient?page=2",  # from the base on
        "Patient?page=2",
    ],
)
async def test_the_links_of_other_servers_are_followed(following: str) -> None:
    class Hapi:
        netloc = "hapi.example"
        asked: ClassVar[list[str]] = []

        async def request(self, _method: str, path: str, **_: Any) -> Answer:
            self.asked.append(path)
            found = page("b") if "page=2" in path else page("a", following=following)
            return Answer(200, {}, json.dumps(found.content).encode())

    hapi = Hapi()
    client = FhirRest(hapi, "/baseR4")  # type: ignore[arg-type]  # what is asked of it
    assert [each["id"] for each in await client.search("Patient", {})] == ["a", "b"]
    assert all(path.startswith("/baseR4") for path in hapi.asked)


async def test_empty_pages_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.adapters.fhir.PAGES_MAX", 3)
    async with fhir_at(in_turn(page(following="/fhir/Patient?again"))) as (servers, server):
        with pytest.raises(FhirAway, match="do not end"):
            await servers("demo").search("Patient", {})
        assert len(server.asked) == 3


async def test_a_link_that_leads_back_ends_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.adapters.fhir.FOUND_MAX", 10)
    async with fhir_at(in_turn(page("a", "b", following="/fhir/Patient?again"))) as (servers, _):
        with pytest.raises(FhirRefused, match="more than 10"):
            await servers("demo").search("Patient", {})


async def test_an_identifier_is_asked_for_as_it_is() -> None:
    async with fhir_at(in_turn(Reply(content=PATIENT))) as (servers, server):
        await servers("demo").upsert(PATIENT, "urn:x|a,b$c\\d")
        assert server.asked[0].query["identifier"] == "urn:x|a\\,b\\$c\\\\d"


async def test_each_tenant_and_organisation_has_its_place() -> None:
    with http_server(in_turn(Reply(content=PATIENT))) as server:
        servers = FhirServers(f"{server.url}/of/{{tenant}}/fhir")
        await servers("demo").read("Patient", "p1")
        await servers("other", "north").read("Patient", "p.2")
        assert [asked.path for asked in server.asked] == [
            "/of/demo/fhir/Patient/p1",
            "/of/other/Organization/north/fhir/Patient/p.2",
        ]
        for wrong in ("a/b", "..", ".", "x" * 65, "a?b"):
            with pytest.raises(FhirRefused):
                servers("demo", wrong)
            assert await servers("demo").read("Patient", wrong) is None
        await servers.close()
    with pytest.raises(FhirRefused, match="does not end in /fhir"):
        FhirServers("https://hapi.example/baseR4")("demo", "north")


def shown(position: int, value: str = "acc_1") -> Shown:
    named = {"system": "urn:daybook:demo:account", "value": value}
    extension = [{"url": POSITION, "valueString": str(position)}]
    return Shown("Account", value, position, {
        "resourceType": "Account", "identifier": [named], "extension": extension,
    })  # fmt: skip


FAR: dict[str, Any] = {"url": POSITION, "valueString": "9" * 5000}


@pytest.mark.parametrize("reply", [None, *map(Reply, (500, 501, 502, 504))])
async def test_what_fails_by_itself_does_not_hold_up_the_rest(reply: Reply | None) -> None:
    def fails_on_two(asked: Asked) -> Reply | None:
        if asked.method == "POST":
            return reply if b"acc_2" in asked.body else Reply(201, PATIENT)
        return Reply(content={"resourceType": "Bundle"})

    async with fhir_at(fails_on_two) as (servers, _):
        gateway = RestGateway(servers)
        (refused,) = await gateway.keep("demo", [shown(1), shown(2, "acc_2")])
        assert refused.shown.value == "acc_2"
        for _ in range(2):
            with pytest.raises(FhirAway):  # nothing is known of the server from it alone
                await gateway.keep("demo", [shown(2, "acc_2")])


async def test_what_fails_alone_is_to_blame_when_the_server_is_there_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fhir_gateway, "_ROUNDS_MAX", 3)
    bundle = Reply(content={"resourceType": "Bundle"})
    async with fhir_at(lambda asked: Reply(500) if asked.method == "POST" else bundle) as (it, _):
        gateway = RestGateway(it)
        for _ in range(2):
            with pytest.raises(FhirAway):
                await gateway.keep("demo", [shown(2)])
        (refused,) = await gateway.keep("demo", [shown(2)])
    assert refused.status == 500


@pytest.mark.parametrize("reply", [None, *map(Reply, (503, 401, 500, 302, 403, 404, 405))])
async def test_a_server_that_is_away_takes_none(reply: Reply | None) -> None:
    async with fhir_at(in_turn(reply)) as (servers, _):
        with pytest.raises(FhirAway):
            await RestGateway(servers).keep("demo", [shown(1), shown(2, "acc_2")])


async def test_two_resources_of_one_identifier_are_for_a_person() -> None:
    both: dict[str, Any] = {"resource": shown(1).resource | {"id": "x"}}
    bundle = {"resourceType": "Bundle", "entry": [both, both]}
    async with fhir_at(in_turn(Reply(content=bundle))) as (servers, _):
        (refused,) = await RestGateway(servers).keep("demo", [shown(5)])
    assert (refused.status, "2 resources" in refused.detail) == (412, True)


@pytest.mark.parametrize(
    "entry",
    [
        7,
        [7],
        [{"resource": {"resourceType": "Account"}}],
        [{"resource": {"resourceType": "Account", "id": "../x"}}],
        [{"resource": {"resourceType": "Account", "id": "x", "meta": 7}}],
        [{"resource": {"resourceType": "Account", "id": "x", "extension": 7}}],
        [{"resource": {"resourceType": "Account", "id": "x", "extension": [7]}}],
        [{"resource": shown(1).resource | {"id": "x", "extension": [FAR]}}],
    ],
)
async def test_a_server_that_answers_nonsense_is_away(entry: Any) -> None:
    bundle = {"resourceType": "Bundle", "entry": entry}
    async with fhir_at(in_turn(Reply(content=bundle))) as (servers, server):
        with pytest.raises(FhirAway):
            await RestGateway(servers).keep("demo", [shown(5)])
        assert {asked.method for asked in server.asked} == {"GET"}


async def test_settings_choose_the_server() -> None:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as undo:
        embedded: Ports = ports(undo)
        assert isinstance(embedded.fhir_gateway(NO_POOL), StoreGateway)
        assert isinstance(embedded.fhir_of(NO_POOL)("demo", None), StoredFhir)
        chosen = ports(undo, fhir_url="https://fhir.example/fhir")
        assert isinstance(chosen.fhir_gateway(NO_POOL), RestGateway)
        assert isinstance(chosen.fhir_of(NO_POOL)("demo", None), FhirRest)
        for wrong in ("http://fhir.example/fhir", "http://{tenant}.example/fhir", "fhir.example"):
            with pytest.raises(CannotRun, match="DAYBOOK_FHIR_URL"):
                ports(undo, fhir_url=wrong).fhir_gateway(NO_POOL)
