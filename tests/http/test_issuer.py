"""Keys that an issuer publishes: fetched, kept, fetched again when they change, done without."""

import asyncio
from typing import Any

import msgspec
import pytest
from joserfc.jwk import Key

from services.access.bearer import Verifier
from services.access.configured import AuthNotConfigured, authentication
from services.access.fetched import DOCUMENT_BYTES_MAX, FetchedKeys
from services.access.keys import KeysAway
from services.access.tokens import TokenRefused
from services.settings import Settings
from tests.fixtures.served import Served, ok, serving
from tests.fixtures.tokens import KEY, RULES, new_key, token

JWKS = "https://issuer.test/jwks"


def publishing(*keys: Key) -> Any:
    document = ok(msgspec.json.encode({"keys": [key.as_dict(private=False) for key in keys]}))
    return lambda _: document


def fetched(issuer: Served, **settings: Any) -> tuple[FetchedKeys, Verifier]:
    keys = FetchedKeys(f"{issuer.url}/jwks", **settings)
    return keys, Verifier(keys, RULES)


async def test_keys_are_fetched_once_for_many_callers() -> None:
    async with serving(publishing(KEY)) as issuer:
        _, verifier = fetched(issuer)
        given = [token(sub=f"user {number}") for number in range(20)]
        found = await asyncio.gather(*map(verifier.claims_of, given))
        assert {claims.tenant for claims in found} == {"demo"}
        assert len(issuer.sent) == 1


async def test_a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_ends() -> None:
    async with serving(publishing(KEY)) as issuer:
        _, verifier = fetched(issuer, again_seconds_min=0)
        old, new = token(), new_key()
        await verifier.claims_of(old)
        issuer.answer = publishing(new)
        assert (await verifier.claims_of(token(new))).tenant == "demo"
        with pytest.raises(TokenRefused, match="not known"):
            await verifier.claims_of(old)


async def test_strangers_cannot_make_us_ask_the_issuer_again_and_again() -> None:
    async with serving(publishing(KEY)) as issuer:
        _, verifier = fetched(issuer)
        for _ in range(20):
            with pytest.raises(TokenRefused, match="not known"):
                await verifier.claims_of(token(new_key()))
        assert len(issuer.sent) == 1


async def test_known_keys_go_on_being_used_while_the_issuer_is_away() -> None:
    async with serving(publishing(KEY)) as issuer:
        _, verifier = fetched(issuer, again_seconds_min=0, age_seconds_max=-1)
        await verifier.claims_of(token())
        issuer.answer = lambda _: b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
        for number in range(5):
            assert (await verifier.claims_of(token(sub=f"user {number}"))).tenant == "demo"
            with pytest.raises(TokenRefused, match="not known"):
                await verifier.claims_of(token(new_key()))
    assert (await verifier.claims_of(token(sub="later"))).tenant == "demo"


BAD: dict[str, bytes] = {
    "no JSON": ok(b"<html>"),
    "no keys": ok(b'{"keys":[]}'),
    "an array": ok(b"[]"),
    "deep": ok(b"[" * 100_000),
    "endless": ok(b" " * (DOCUMENT_BYTES_MAX + 1)),
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    "no HTTP": b"hello\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", BAD)
async def test_an_answer_that_is_no_key_set_leaves_tokens_unverified(name: str) -> None:
    async with serving(lambda _: BAD[name]) as issuer:
        keys, verifier = fetched(issuer, again_seconds_min=0)
        with pytest.raises(KeysAway):
            await verifier.claims_of(token())
        assert await keys.missing() == {
            "keys": "the keys of the tokens' issuer could not be fetched yet"
        }
        issuer.answer = publishing(KEY)
        assert await keys.missing() == {}
        assert (await verifier.claims_of(token())).tenant == "demo"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "either DAYBOOK_AUTH_JWKS_URL"),
        ({"auth_jwks_url": JWKS, "auth_key_file": "k"}, "either DAYBOOK_AUTH_JWKS_URL"),
        ({"auth_jwks_url": JWKS}, "DAYBOOK_AUTH_ISSUER"),
        ({"auth_jwks_url": JWKS, "auth_issuer": "i"}, "DAYBOOK_AUTH_AUDIENCE"),
        (
            {"auth_jwks_url": "http://issuer.test/", "auth_issuer": "i", "auth_audience": "a"},
            "https",
        ),
        ({"auth_jwks_url": "file:///k", "auth_issuer": "i", "auth_audience": "a"}, "https"),
        (
            {
                "auth_jwks_url": JWKS,
                "auth_issuer": "i",
                "auth_audience": "a",
                "auth_algorithms": "ES256 HS256 none",
            },
            "'HS256', 'none'",
        ),
    ],
)
def test_an_api_whose_tokens_could_not_be_judged_does_not_start(
    given: dict[str, str], why: str
) -> None:
    settings = Settings.from_environment(
        {"DAYBOOK_AUTH": "jwt"} | {f"DAYBOOK_{name.upper()}": x for name, x in given.items()}
    )
    with pytest.raises(AuthNotConfigured, match=why):
        authentication(settings)


@pytest.mark.parametrize("url", [JWKS, "http://127.0.0.1:1/jwks", "http://localhost/jwks"])
async def test_an_api_starts_while_its_issuer_is_away(url: str) -> None:
    authentication(
        Settings(auth="jwt", auth_jwks_url=url, auth_issuer="i", auth_audience="daybook")
    )
