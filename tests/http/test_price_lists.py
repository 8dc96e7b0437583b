"""Price lists over HTTP: found by what they price, refused with what collides."""

from typing import Any

from tests.fixtures.http_api import Api
from tests.http.test_problems import check


def price(facility: str, code: str, currency: str, first: str, last: str | None) -> dict[str, Any]:
    amount = {"amount": "10", "currency": currency}
    body = {"facility": facility, "code": code, "unit_price": amount, "valid_from": first}
    return body if last is None else body | {"valid_to": last}


async def publish(api: Api, name: str, *prices: dict[str, Any]) -> Any:
    return await api.post("/v1/price-lists", {"name": name, "prices": list(prices)})


async def names(api: Api, query: str = "") -> list[str]:
    response = await api.client.get(f"/v1/price-lists?{query}")
    assert response.status_code == 200, response.text
    return sorted(item["name"] for item in response.json()["items"])


async def test_lists_are_found_by_what_one_of_their_prices_is(api: Api) -> None:
    await publish(
        api,
        "old",
        price("north", "A", "USD", "2025-01-01", "2025-12-31"),
        price("*", "B", "JPY", "2025-01-01", None),
    )
    await publish(api, "new", price("north", "A", "USD", "2026-01-01", None))
    await publish(api, "general", price("*", "A", "USD", "2026-01-01", None))
    for query, found in (
        ("", ["general", "new", "old"]),
        ("facility=north", ["new", "old"]),
        ("facility=*&code=A", ["general"]),
        ("code=A&currency=USD&on=2025-12-31", ["old"]),
        ("code=A&facility=north&on=2026-01-01", ["new"]),
        ("facility=north&currency=JPY", []),
        ("code=C", []),
    ):
        assert await names(api, query) == found, query
    first = await api.client.get("/v1/price-lists?code=A&limit=2")
    rest = await names(api, f"code=A&limit=2&cursor={first.json()['cursor']}")
    assert sorted([*(item["name"] for item in first.json()["items"]), *rest]) == await names(api)


async def test_a_filter_that_can_be_none_is_refused(api: Api) -> None:
    for query in ("facility=a%20b", "on=yesterday", "currency=DOLLAR", "code=%00"):
        check(await api.client.get(f"/v1/price-lists?{query}"), 400, "VALIDATION_FAILED")


async def test_windows_that_collide_are_named(api: Api) -> None:
    published = await publish(api, "2026", price("north", "A", "USD", "2026-01-01", None))
    later = await publish(api, "2027", price("north", "A", "USD", "2027-01-01", None))
    detail = check(later, 400, "VALIDATION_FAILED")["detail"]
    assert "prices[0]: A at north in USD from 2027-01-01 on overlaps" in detail
    assert f"from 2026-01-01 on of {published.json()['price_list_id']}" in detail
