"""Price lists over HTTP: found by what they price, refused with what collides."""

import asyncio
from typing import Any

from contracts.ids import derive
from projections.cursor import encode_cursor
from tests.fixtures.http_api import Api, another_process
from tests.http.test_problems import check


def price(facility: str, code: str, currency: str, first: str, last: str | None) -> dict[str, Any]:
    amount = {"amount": "10", "currency": currency}
    body = {"facility": facility, "code": code, "unit_price": amount, "valid_from": first}
    return body if last is None else body | {"valid_to": last}


async def publish(api: Api, name: str, *prices: dict[str, Any]) -> Any:
    return await api.post("/v1/price-lists", {"name": name, "prices": list(prices)})


async def shown(api: Api, path: str) -> Any:
    response = await api.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def names(api: Api, query: str = "") -> list[str]:
    found = await shown(api, f"/v1/price-lists?{query}")
    return sorted(item["name"] for item in found["items"])


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
    detail = check(later, 409, "STATE_CONFLICT")["detail"]
    assert "prices[0]: A at north in USD from 2027-01-01 on overlaps" in detail
    assert f"from 2026-01-01 on of {published.json()['price_list_id']}" in detail
    twice = price("north", "B", "USD", "2026-01-01", None)
    detail = check(await publish(api, "twice", twice, twice), 400, "VALIDATION_FAILED")["detail"]
    assert "of this list, prices[0]" in detail
    assert await names(api) == ["2026"]


async def test_of_two_lists_at_once_that_collide_one_is_published(api: Api) -> None:
    async with another_process(api) as other:
        answers = await asyncio.gather(
            *(
                publish(one, f"{number}", price("*", "A", "USD", f"2026-01-{number:02d}", None))
                for number in range(1, 9)
                for one in (api, other)
            )
        )
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == len(answers) - 1
    for answer in refused:
        check(answer, 409, "STATE_CONFLICT")


async def test_the_prices_of_a_list_are_read_page_by_page_and_by_what_they_are(api: Api) -> None:
    wanted = [price("north", f"C{number:04d}", "USD", "2026-01-01", None) for number in range(2500)]
    others = [
        price("*", "C0000", "JPY", "2026-01-01", "2026-06-30"),
        price("*", "C0000", "JPY", "2026-07-01", "9999-12-31"),
    ]
    published = (await publish(api, "2026", *wanted, *others)).json()
    assert published["price_count"] == 2_502
    await publish(api, "south", price("south", "C0000", "USD", "2026-01-01", None))
    place = f"/v1/price-lists/{published['price_list_id']}/prices"
    pages = [await shown(api, f"{place}?limit=500")]
    while cursor := pages[-1]["cursor"]:
        pages.append(await shown(api, f"{place}?limit=500&cursor={cursor}"))
    found = [item for page in pages for item in page["items"]]
    ten = {"JPY": "10", "USD": "10.00"}
    assert found == [
        {"valid_to": None} | each | {"unit_price": {"currency": currency, "amount": ten[currency]}}
        for each in (*others, *wanted)
        for currency in [each["unit_price"]["currency"]]
    ]
    assert [len(page["items"]) for page in pages] == [500] * 5 + [2]
    for query, count in (
        ("code=C0000", 3),
        ("facility=*", 2),
        ("currency=JPY&on=2026-06-30", 1),
        ("facility=south", 0),
        ("on=2025-12-31", 0),
    ):
        assert len((await shown(api, f"{place}?{query}"))["items"]) == count, query


async def test_the_prices_of_no_list_are_not_found(api: Api) -> None:
    place = f"/v1/price-lists/{derive('prl', 'none')}/prices"
    check(await api.client.get(place), 404, "NOT_FOUND")
    published = (await publish(api, "2026", price("*", "A", "USD", "2026-01-01", None))).json()
    place = f"/v1/price-lists/{published['price_list_id']}/prices"
    foreign = await api.client.get(place, headers={"X-Test-Tenant": "other"})
    check(foreign, 404, "NOT_FOUND")
    for cursor in (encode_cursor("prices", "a", "b", "c", "d"), encode_cursor("price_lists", "a")):
        check(await api.client.get(f"{place}?cursor={cursor}"), 400, "VALIDATION_FAILED")
