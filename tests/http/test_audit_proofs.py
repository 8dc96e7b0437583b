"""Proofs over HTTP hold for whoever checks them with nothing of ours."""

import httpx
import pytest

from services.audit.checker import (
    check_consistency,
    open_checkpoint,
    parse_key,
    root_of_inclusion,
)
from tests.fixtures.http_api import Api
from tests.fixtures.signing import sign, signing_key
from tests.fixtures.visits import account_body, charge_body, open_account

OTHER = {"x-test-tenant": "other"}


async def get(api: Api, path: str, **headers: str) -> httpx.Response:
    return await api.client.get(f"/v1/audit/{path}", headers=headers)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_an_event_is_proved_to_be_in_the_log_of_all_tenants(api: Api) -> None:
    account_id = await open_account(api)
    await api.post("/v1/accounts", account_body("p9"), **OTHER)
    charge = (await api.post("/v1/charges", charge_body(account_id))).json()
    await api.catch_up()
    await sign(api.database)
    found = (await get(api, f"inclusion?event={charge['token']}")).json()
    key = parse_key(found["checkpoint"]["key"])
    assert key == (await signing_key(api.database)).public
    checkpoint = open_checkpoint(found["checkpoint"]["note"].encode(), key)
    assert (checkpoint.size, found["position"]) == (3, 3)
    path = [bytes.fromhex(each) for each in found["proof"]]
    leaf = bytes.fromhex(found["leaf"])
    assert root_of_inclusion(leaf, found["position"] - 1, checkpoint.size, path) == checkpoint.root


async def test_a_log_is_proved_to_have_only_grown(api: Api) -> None:
    await open_account(api)
    await api.catch_up()
    first = (await sign(api.database)).checkpoint
    for patient in ("p2", "p3"):
        await api.post("/v1/accounts", account_body(patient))
    await api.catch_up()
    second = (await sign(api.database)).checkpoint
    found = (await get(api, f"consistency?first={first.size}&second={second.size}")).json()
    roots = (found["first_root"], found["second_root"])
    assert roots == (first.root.hex(), second.root.hex())
    proof = [bytes.fromhex(each) for each in found["proof"]]
    check_consistency(first.size, second.size, first.root, second.root, proof)
    kept = (await get(api, f"checkpoint?size={first.size}")).json()
    assert kept["root"] == first.root.hex()
    assert (await get(api, "checkpoint")).json()["size"] == second.size


async def test_nobody_proves_the_events_of_another_tenant(api: Api) -> None:
    token = (await api.post("/v1/accounts", account_body("p2"))).json()["token"]
    await api.catch_up()
    await sign(api.database)
    assert (await get(api, f"inclusion?event={token}")).status_code == 200
    assert problem(await get(api, f"inclusion?event={token}", **OTHER)) == (404, "NOT_FOUND")


async def test_what_is_not_signed_yet_is_not_proved(api: Api) -> None:
    token = (await api.post("/v1/accounts", account_body("p2"))).json()["token"]
    await api.catch_up()
    assert problem(await get(api, "checkpoint")) == (404, "NOT_FOUND")
    assert problem(await get(api, f"inclusion?event={token}")) == (409, "STATE_CONFLICT")
    await sign(api.database)
    assert (await get(api, f"inclusion?event={token}")).status_code == 200


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("consistency?first=2&second=1", (400, "VALIDATION_FAILED")),
        ("consistency?first=1&second=99", (404, "NOT_FOUND")),
        ("consistency?first=0&second=1", (400, "VALIDATION_FAILED")),
        ("inclusion?event=north", (400, "VALIDATION_FAILED")),
        ("inclusion?event=acc_01h455vb4pex5vsknk084sn02q-1", (404, "NOT_FOUND")),
        ("checkpoint?size=7", (404, "NOT_FOUND")),
    ],
)
async def test_what_is_not_there_is_said_so(api: Api, path: str, answer: tuple[int, str]) -> None:
    assert problem(await get(api, path)) == answer
