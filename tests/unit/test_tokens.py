"""A token is taken only when everything about it is right, and never by another's rules."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey

from services.access.bearer import Verifier
from services.access.keys import (
    KeyUnusable,
    KnownKeys,
    keys_of_set,
    local_key,
    read_keys,
    signing_key,
)
from services.access.tokens import TOKEN_BYTES_MAX, Claims, Rules, TokenRefused, mint
from tests.fixtures.tokens import KEY, KEYS, NOW, RULES, claims, new_key, signed, token, unsigned

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


async def verified(given: str, keys: Any = KEYS, rules: Rules = RULES) -> Claims:
    return await Verifier(keys, rules, now=lambda: NOW).claims_of(given)


async def test_a_token_says_who_calls_for_whom_and_what_is_allowed() -> None:
    found = await verified(token(scope="billing:read billing:charge:write", sub="ada"))
    assert (found.tenant, found.sub) == ("demo", "ada")
    assert found.scope.split() == ["billing:read", "billing:charge:write"]


async def test_clocks_may_be_a_little_apart() -> None:
    await verified(token(exp=NOW - 29))
    await verified(token(nbf=NOW + 29, iat=NOW + 29))


async def test_one_of_several_audiences_is_enough() -> None:
    await verified(token(aud=["other", "daybook"]))


WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": NOW - 31}, "expired"),
    "without an end": ({"exp": None}, "exp"),
    "ends never": ({"exp": 1e300}, "exp"),
    "ends in words": ({"exp": "2099-01-01"}, "exp"),
    "not yet": ({"nbf": NOW + 31}, "does not count yet"),
    "of tomorrow": ({"iat": NOW + 31}, "does not count yet"),
    "of another issuer": ({"iss": "https://evil.test"}, "another issuer"),
    "of an issuer with a slash": ({"iss": "https://issuer.test/"}, "another issuer"),
    "of no issuer": ({"iss": None}, "iss"),
    "for another audience": ({"aud": "other"}, "another audience"),
    "for a part of the audience": ({"aud": "day"}, "another audience"),
    "for no audience": ({"aud": None}, "aud"),
    "for nobody": ({"aud": []}, "another audience"),
    "of nobody": ({"sub": None}, "sub"),
    "of an empty sub": ({"sub": ""}, "sub"),
    "of a sub with a line end": ({"sub": "ada\nlevel=error"}, "sub"),
    "of a long sub": ({"sub": "x" * 201}, "sub"),
    "of no tenant": ({"tenant": None}, "tenant"),
    "of two tenants": ({"tenant": "demo,other"}, "tenant"),
    "of a tenant in capitals": ({"tenant": "Demo"}, "tenant"),
    "of a tenant with a line end": ({"tenant": "demo\n"}, "tenant"),
    "of a long tenant": ({"tenant": "d" * 64}, "tenant"),
    "with scopes in a list": ({"scope": ["billing:read"]}, "scope"),
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
async def test_a_token_with_wrong_claims_is_refused(name: str) -> None:
    changes, why = WRONG_CLAIMS[name]
    with pytest.raises(TokenRefused, match=why):
        await verified(token(**changes))


def hs256_with(secret: bytes) -> str:
    """A token whose secret is what everybody may know: the public key."""
    head = unsigned({"alg": "HS256", "kid": KEY.kid}, claims()).rpartition(".")[0]
    return f"{head}.{_base64(hmac.new(secret, head.encode(), hashlib.sha256).digest())}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def tampered() -> str:
    head, _, signature = token().split(".")
    other = token(tenant="other").split(".")[1]
    return f"{head}.{other}.{signature}"


FORGED = {
    "unsigned": unsigned({"alg": "none"}, claims()),
    "unsigned in capitals": unsigned({"alg": "None", "kid": KEY.kid}, claims()),
    "signed with nothing": unsigned({"alg": "ES256", "kid": KEY.kid}, claims()),
    "signed with zeros": unsigned({"alg": "ES256", "kid": KEY.kid}, claims(), bytes(64)),
    "a public key as a secret": hs256_with(KEY.as_pem(private=False)),
    "a public JWK as a secret": hs256_with(msgspec.json.encode(KEY.as_dict(private=False))),
    "changed": tampered(),
    "with another's key": token(new_key(kid=KEY.kid)),
    "with a key that is not known": token(new_key()),
    "bringing its own key": signed(
        {"alg": "ES256", "jwk": new_key("P-256").as_dict(private=False), "kid": "mine"},
        msgspec.json.encode(claims()),
        new_key(kid="mine"),
    ),
    "with an algorithm that is not configured": token(new_key("P-384", KEY.kid), "ES384"),
    "with an algorithm of another kind of key": unsigned(
        {"alg": "RS256", "kid": KEY.kid}, claims(), bytes(256)
    ),
    "asking for what is not understood": unsigned(
        {"alg": "ES256", "kid": KEY.kid, "crit": ["b64"], "b64": False}, claims()
    ),
    "with a number for a key": unsigned({"alg": "ES256", "kid": 1}, claims()),
    "no claims": signed({"alg": "ES256", "kid": KEY.kid}, b"[]"),
    "no JSON": signed({"alg": "ES256", "kid": KEY.kid}, b"\xff"),
    "deep": signed({"alg": "ES256", "kid": KEY.kid}, b"[" * 3000),
    "oversized": token(scope="x" * TOKEN_BYTES_MAX),
    "encrypted": "a.b.c.d.e",
    "empty": "",
    "dots": "..",
    "words": "not a token",
    "no ASCII": "ключ.ключ.ключ",
    "surrogates": "\ud800.\ud800.\ud800",
}


@pytest.mark.parametrize("name", FORGED)
async def test_what_is_no_token_of_the_issuer_is_refused(name: str) -> None:
    with pytest.raises(TokenRefused):
        await verified(FORGED[name])


async def test_infinity_is_no_time_of_expiry() -> None:
    for never in (b"NaN", b"Infinity", b"1e999"):
        payload = msgspec.json.encode(claims(exp=1)).replace(b'"exp":1', b'"exp":' + never)
        with pytest.raises(TokenRefused):
            await verified(signed({"alg": "ES256", "kid": KEY.kid}, payload))


async def test_every_kind_of_key_verifies_with_its_own_algorithm() -> None:
    for key, algorithm in (
        (RSA, "PS512"),
        (RSA, "RS256"),
        (new_key("P-384"), "ES384"),
        (OKPKey.generate_key("Ed25519", {"kid": "ed"}), "Ed25519"),
    ):
        rules = RULES._replace(algorithms=(algorithm,))
        assert (await verified(token(key, algorithm), KnownKeys([key]), rules)).tenant == "demo"


async def test_a_token_that_names_no_key_is_verified_with_the_only_one() -> None:
    nameless = signed({"alg": "ES256"}, msgspec.json.encode(claims()))
    assert (await verified(nameless)).tenant == "demo"
    with pytest.raises(TokenRefused, match="not known"):
        await verified(nameless, KnownKeys([KEY, new_key()]))


async def test_what_was_verified_is_remembered_only_until_it_expires() -> None:
    moments = [NOW]
    verifier = Verifier(KEYS, RULES, now=lambda: moments[-1])
    given = token(exp=NOW + 60)
    for moment in (NOW, NOW + 89):
        moments.append(moment)
        assert (await verifier.claims_of(given)).tenant == "demo"
    moments.append(NOW + 90)
    with pytest.raises(TokenRefused, match="expired"):
        await verifier.claims_of(given)


async def test_only_so_many_tokens_are_remembered() -> None:
    verifier = Verifier(KEYS, RULES, now=lambda: NOW, cached_max=3)
    for number in range(10):
        await verifier.claims_of(token(sub=f"user {number}"))
    assert len(verifier._known) == 3


async def test_a_refused_token_is_not_remembered() -> None:
    verifier = Verifier(KEYS, RULES)
    for _ in range(3):
        with pytest.raises(TokenRefused):
            await verifier.claims_of(token(tenant=None))
    assert not verifier._known


async def test_the_local_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = local_key(tmp_path)
    key = signing_key(file)
    assert local_key(tmp_path) == file
    assert file.stat().st_mode & 0o777 == 0o600
    (again,) = read_keys(file)
    assert again.as_dict() == key.as_dict()
    minted = mint(key, "ES256", msgspec.convert(claims(), Claims))
    assert (await verified(minted, KnownKeys(read_keys(file)))).tenant == "demo"


def test_a_key_file_may_be_a_pem_a_jwk_or_a_set_with_or_without_the_private_part(
    tmp_path: Path,
) -> None:
    file = tmp_path / "key"
    key_set = msgspec.json.encode({"keys": [KEY.as_dict(private=False)]})
    for content in (
        KEY.as_pem(private=False),
        RSA.as_pem(private=True),
        msgspec.json.encode(KEY.as_dict(private=True)),
        key_set,
    ):
        file.write_bytes(content)
        assert len(read_keys(file)) == 1
    with pytest.raises(KeyUnusable, match="no private key"):
        signing_key(file)


def test_a_key_file_without_a_usable_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(KeyUnusable, match="No such file"):
        read_keys(file)
    secret = msgspec.json.encode(OctKey.generate_key(256).as_dict(private=True))
    for content in (b"", b"{", b"[]", b"{}", b"key", secret, b'{"keys":{}}'):
        file.write_bytes(content)
        with pytest.raises(KeyUnusable, match="DAYBOOK_AUTH_KEY_FILE"):
            read_keys(file)


def test_keys_of_an_issuer_that_are_not_for_signatures_are_left_out() -> None:
    good = KEY.as_dict(private=False)
    others: list[Any] = [
        good | {"use": "enc", "kid": "enc"},
        {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "secret"},
        {"kty": "AKP", "kid": "of times to come"},
        {"kty": "RSA", "n": "AQAB", "kid": "cut short"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "for agreement"},
        "a text",
        None,
    ]
    assert [key.kid for key in keys_of_set(msgspec.json.encode({"keys": [*others, good]}))] == [
        KEY.kid
    ]
    with pytest.raises(ValueError, match="none of its keys"):
        keys_of_set(msgspec.json.encode({"keys": others}))


def test_a_set_of_very_many_keys_is_not_read() -> None:
    with pytest.raises(ValueError, match="at most"):
        keys_of_set(msgspec.json.encode({"keys": [{}] * 65}))
