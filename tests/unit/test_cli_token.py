"""`daybook token` signs what `auth=jwt` takes, and says what is missing when it cannot."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from joserfc.jwk import OKPKey

from services import up
from services.access.bearer import Verifier
from services.access.configured import rules_of
from services.access.keys import KnownKeys, local_key, read_keys
from services.access.scopes import ALL_SCOPES
from services.access.tokens import Claims
from services.settings import Settings
from tests.fixtures.command_line import command


async def taken(token: str, settings: Settings, file: Path) -> Claims:
    """What an API with these settings makes of a token."""
    return await Verifier(KnownKeys(read_keys(file)), rules_of(settings)).claims_of(token)


async def test_a_token_of_the_local_key_is_taken_by_the_stack(tmp_path: Path) -> None:
    file = local_key(tmp_path)
    words = "token --tenant clinic --scope billing:read --scope billing:charge:write --actor ada"
    made = command(*words.split(), "--ttl", "60", "--data-dir", str(tmp_path))
    assert made.exit_code == 0
    claims = await taken(made.stdout.strip(), Settings(), file)
    assert (claims.tenant, claims.sub, claims.exp - claims.iat) == ("clinic", "ada", 60)
    assert set(claims.scope.split()) == {"billing:read", "billing:charge:write"}


async def test_a_token_is_signed_with_the_key_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    key = OKPKey.generate_key("Ed25519")
    file.write_bytes(msgspec.json.encode(key.as_dict(private=True)))
    env = {
        "DAYBOOK_AUTH_KEY_FILE": str(file),
        "DAYBOOK_AUTH_ALGORITHMS": "ES256, Ed25519",
        "DAYBOOK_AUTH_ISSUER": "urn:ours",
    }
    made = command("token", "--scope", "all", env=env)
    claims = await taken(made.stdout.strip(), Settings.from_environment(env), file)
    assert claims.iss == "urn:ours"
    assert frozenset(claims.scope.split()) == ALL_SCOPES


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("token --scope billing:read", "daybook up --auth jwt"),
        ("token", "--scope"),
        ("token --scope billing:nothing", "billing:nothing"),
        ("token --scope billing:read --tenant A", "tenant"),
        ("token --scope billing:read --ttl 0", "--ttl"),
        ("token --scope billing:read --ttl 99999999", "--ttl"),
    ],
)
def test_what_cannot_be_signed_is_said(words: str, said: str, tmp_path: Path) -> None:
    made = command(*words.split(), "--data-dir", str(tmp_path))
    assert made.exit_code != 0
    assert said in made.stderr


@pytest.mark.parametrize(
    ("auth", "given", "named"),
    [
        ("dev", {}, None),
        ("jwt", {}, "token-key.json"),
        ("jwt", {"DAYBOOK_AUTH_KEY_FILE": "/their/key"}, None),
        ("jwt", {"DAYBOOK_AUTH_JWKS_URL": "https://issuer.test"}, None),
    ],
)
def test_a_stack_with_tokens_has_a_key_unless_one_is_named(
    auth: up.Auth, given: dict[str, str], named: str | None, tmp_path: Path
) -> None:
    stack: Any = SimpleNamespace(data_dir=tmp_path)
    found = up.access_of(stack, auth, given)
    assert found["DAYBOOK_AUTH"] == auth
    assert found.get("DAYBOOK_AUTH_KEY_FILE") == (named and str(tmp_path / named))
