"""Every query has an ETag: whoever has the answer already is told so, until it changes."""

import pytest

from tests.fixtures.http_api import Api
from tests.fixtures.visits import charge_body, open_account, payment_body
from tests.fixtures.walking import Ids, calls_of, make


async def test_every_answer_to_a_query_has_a_tag_and_is_not_sent_twice(api: Api) -> None:
    account_id = await open_account(api)
    await api.post("/v1/charges", charge_body(account_id))
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    admin = await api.database.admin()
    ids = Ids([row["stream_id"] for row in await admin.fetch("SELECT * FROM stream_heads")])
    seen = 0
    for call in calls_of(api.app):
        if call.method != "GET" or call.query:  # a stream has no end to make a tag of
            continue
        first = await make(api.client, call, ids, "k")
        if first.status_code == 404:
            continue
        assert first.status_code == 200, (str(call), first.text)
        tag = first.headers["etag"]
        for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
            again = await make(api.client, call, ids, "k", **{"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), str(call)
            assert again.headers["etag"] == tag
        other = await make(api.client, call, ids, "k", **{"If-None-Match": 'W/"c-0"'})
        assert (other.status_code, other.text) == (200, first.text), str(call)
        seen += 1
    assert seen >= 9


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/payments", "/v1/accounts/{}"])
async def test_what_changed_is_sent_again(api: Api, path: str) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    before = await api.client.get(path.format(account_id))
    await api.post("/v1/payments", payment_body(account_id), key="k")
    await api.catch_up()
    headers = {"If-None-Match": before.headers["etag"]}
    after = await api.client.get(path.format(account_id), headers=headers)
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]


async def test_the_tag_of_a_list_is_no_version_of_an_account(api: Api) -> None:
    account_id = await open_account(api)
    await api.catch_up()
    tag = (await api.client.get("/v1/accounts")).headers["etag"]
    refused = await api.post("/v1/charges", charge_body(account_id), **{"If-Match": tag})
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_FAILED")


async def test_a_problem_has_no_tag(api: Api) -> None:
    await api.catch_up()
    response = await api.client.get("/v1/accounts?limit=0", headers={"If-None-Match": "*"})
    assert response.status_code == 400
    assert "etag" not in response.headers
