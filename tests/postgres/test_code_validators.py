"""Both validators of codes answer alike: the loaded systems and a FHIR terminology server."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from typing import Any

import pytest

from services.adapters.codes import PostgresCodes
from services.adapters.outbound import Outbound
from services.adapters.terminology import Connected, Terminology
from services.cannot_run import CannotRun
from services.code_systems import list_systems, load_codes, read_codes, remove_system
from services.embedded.addresses import Addresses
from services.ports import Coded, CodeValidator, Finding, Verdict
from tests.fixtures.databases import Database, a_database
from tests.fixtures.http_server import Asked, Reply, Server, http_server

CPT = "http://www.ama-assn.org/go/cpt"
CODES = "code,display,active_from,active_until\n99213,Visit,,\nOLD,,,2025-12-31\n"
ON = date(2026, 1, 2)


def coded(code: str = "99213", system: str = CPT, tenant: str = "demo", on: date = ON) -> Coded:
    return Coded(tenant, system, code, on)


def parameters(**values: Any) -> Reply:
    entries = [
        {"name": name, ("valueBoolean" if isinstance(value, bool) else "valueString"): value}
        for name, value in values.items()
    ]
    return Reply(content={"resourceType": "Parameters", "parameter": entries})


def answer_fhir(asked: Asked) -> Reply:
    """A terminology server that has the codes of CODES."""
    assert (asked.method, asked.path) == ("GET", "/r4/CodeSystem/$validate-code")
    assert asked.query["url"] == CPT
    is_old = asked.query["code"] == "OLD" and asked.query["date"] <= "2025-12-31"
    if asked.query["code"] == "99213" or is_old:
        return parameters(result=True, display="Visit")
    return parameters(result=False, message=f"Unknown code '{asked.query['code']}'")


async def loaded(database: Database) -> PostgresCodes:
    pool = await database.pool("daybook_writer")
    await load_codes(pool, "demo", CPT, "2026", read_codes(CODES.splitlines(keepends=True)))
    return PostgresCodes(pool, fresh_seconds=0.0)


def outbound(server: Server, **options: Any) -> Outbound:
    return Outbound(server.url + "/r4", setting="DAYBOOK_TERMINOLOGY_URL", **options)


@pytest.fixture(params=["loaded", "connected"])
async def validator(
    request: pytest.FixtureRequest, stack: Addresses
) -> AsyncIterator[CodeValidator]:
    if request.param == "loaded":
        async with a_database(stack) as database:
            yield await loaded(database)
        return
    with http_server(answer_fhir) as server:
        async with outbound(server) as client:
            yield Terminology(client, Connected(f"demo={CPT}"))


def verdicts(found: Mapping[Coded, Finding]) -> dict[str, str]:
    return {coded.code: finding.verdict.value for coded, finding in found.items()}


async def test_a_code_is_valid_or_not_on_the_day_of_the_service(validator: CodeValidator) -> None:
    asked = [coded(), coded("OLD"), coded("99999")]
    found = await validator.check(asked)
    assert verdicts(found) == {"99213": "valid", "OLD": "invalid", "99999": "invalid"}
    assert "99999" in found[asked[2]].detail
    assert CPT in found[asked[2]].detail
    in_time = coded("OLD", on=date(2025, 12, 31))
    assert (await validator.check([in_time]))[in_time].verdict is Verdict.VALID


async def test_systems_that_are_not_known_here_are_left_to_others(
    validator: CodeValidator,
) -> None:
    assert await validator.check([coded(system="urn:other"), coded(tenant="other")]) == {}
    assert await validator.check([]) == {}


async def test_hundreds_of_codes_are_checked_at_once(validator: CodeValidator) -> None:
    asked = [coded(f"X{number}") for number in range(300)] + [coded()]
    found = await validator.check(asked)
    assert len(found) == 301
    assert [each.code for each in asked if found[each].verdict is Verdict.VALID] == ["99213"]


async def test_a_version_is_replaced_as_a_whole_and_seen_at_once(database: Database) -> None:
    pool = await database.pool("daybook_writer")
    validator = await loaded(database)
    assert verdicts(await validator.check([coded()])) == {"99213": "valid"}
    await load_codes(pool, "demo", CPT, "2026", read_codes(["code\n", "99999\n"]))
    assert verdicts(await validator.check([coded(), coded("99999")])) == {
        "99213": "invalid",
        "99999": "valid",
    }
    (listed,) = await list_systems(pool, "demo")
    assert (listed.system, listed.version, listed.codes) == (CPT, "2026", 1)


async def test_versions_stand_side_by_side_until_they_are_removed(database: Database) -> None:
    pool = await database.pool("daybook_writer")
    validator = await loaded(database)
    await load_codes(pool, "demo", CPT, "2027", read_codes(["code,active_from\n", "N,2027-01-01"]))
    new = coded("N", on=date(2027, 1, 1))
    assert verdicts(await validator.check([coded(), new])) == {"99213": "valid", "N": "valid"}
    assert verdicts(await validator.check([coded("N")])) == {"N": "invalid"}
    assert await remove_system(pool, "demo", CPT, "2026")
    assert verdicts(await validator.check([coded(), new])) == {"99213": "invalid", "N": "valid"}
    assert await remove_system(pool, "demo", CPT, "2027")
    assert not await remove_system(pool, "demo", CPT, "2027")
    assert await validator.check([coded(), new]) == {}


async def test_a_file_with_a_wrong_line_changes_nothing(database: Database) -> None:
    pool = await database.pool("daybook_writer")
    validator = await loaded(database)
    with pytest.raises(CannotRun, match="line 3"):
        await load_codes(pool, "demo", CPT, "2026", read_codes(["code\n", "1\n", "1\n"]))
    assert verdicts(await validator.check([coded(), coded("1")])) == {
        "99213": "valid",
        "1": "invalid",
    }


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: None,
        lambda _: Reply(500, {}),
        lambda _: Reply(429, {}),
        lambda _: Reply(404, {"resourceType": "OperationOutcome"}),
        lambda _: Reply(200, {"resourceType": "Parameters"}),
        lambda _: Reply(200, b"<html>"),
        lambda _: Reply(200, [{"parameter": 1}]),
        lambda _: Reply(200, b" " * 2_000_000),
        lambda _: Reply(302, {}, {"Location": "http://127.0.0.1:9/r4"}),
        lambda asked: Reply(302, {}, {"Location": asked.path}),
    ],
    ids=range(10),
)
async def test_without_a_usable_answer_nothing_is_verified(
    respond: Callable[[Asked], Reply | None],
) -> None:
    with http_server(respond) as server:
        async with outbound(server) as client:
            found = await Terminology(client, Connected(CPT)).check([coded()])
    assert verdicts(found) == {"99213": "unverified"}


async def test_a_server_that_is_away_is_not_asked_for_each_code() -> None:
    with http_server(lambda _: Reply(503, {})) as server:
        async with outbound(server) as client:
            validator = Terminology(client, Connected(CPT), again_seconds=3600)
            found = await validator.check([coded(str(number)) for number in range(200)])
            await validator.check([coded("more")])
            assert set(verdicts(found).values()) == {"unverified"}
            assert len(server.asked) <= 8


async def test_answers_are_remembered_and_what_stayed_open_is_asked_again() -> None:
    replies = [Reply(404, {}), Reply(404, {})]
    with http_server(lambda asked: replies.pop() if replies else answer_fhir(asked)) as server:
        async with outbound(server) as client:
            validator = Terminology(client, Connected(CPT), again_seconds=0.0)
            found = [verdicts(await validator.check([coded()])) for _ in range(5)]
            assert len(server.asked) == 3
    assert [each["99213"] for each in found] == ["unverified"] * 2 + ["valid"] * 3


async def test_a_redirect_within_the_origin_is_followed() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.path.startswith("/r4"):
            return Reply(307, {}, {"Location": "/new/$validate-code"})
        return parameters(result=True)

    with http_server(respond) as server:
        async with outbound(server) as client:
            found = await Terminology(client, Connected(CPT)).check([coded()])
    assert verdicts(found) == {"99213": "valid"}


def test_a_server_without_systems_or_encryption_is_refused() -> None:
    with pytest.raises(CannotRun, match="DAYBOOK_TERMINOLOGY_SYSTEMS"):
        Connected(" ")
    for url in ("http://tx.example/r4", "ftp://127.0.0.1", "tx.example", "https://tx/?q=1"):
        with pytest.raises(CannotRun, match="SETTING"):
            Outbound(url, setting="SETTING")
