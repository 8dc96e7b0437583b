"""`daybook token`: a token signed with the local key, for `auth=jwt` without an issuer."""

import time
from pathlib import Path
from typing import Final

import click
import msgspec

from services.access.configured import rules_of
from services.access.keys import LOCAL_FILE, KeyUnusable, algorithm_of, signing_key
from services.access.scopes import ALL_SCOPES, SCOPES
from services.access.tokens import ACTOR_LENGTH_MAX, Claims, mint
from services.cli.running import data_dir_option, run, settings_with, tenant_option
from services.settings import Settings
from services.tables import show

_DAY_SECONDS: Final = 86_400
_ALL: Final = "all"


def an_actor(_context: click.Context, _option: click.Parameter, actor: str) -> str:
    """Refuse what a token may not name its bearer, for click."""
    if not actor.strip() or not actor.isprintable() or len(actor) > ACTOR_LENGTH_MAX:
        raise click.BadParameter(f"1 to {ACTOR_LENGTH_MAX} characters, without control characters")
    return actor


@click.command(epilog="Scopes:\n\n" + "\n\n".join(f"{name}: {SCOPES[name]}" for name in SCOPES))
@tenant_option
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([*SCOPES, _ALL]),
    metavar="SCOPE",
    help="What the bearer may do; may be given several times, or `all`.",
)
@click.option(
    "--ttl",
    "ttl_seconds",
    type=click.IntRange(1, 30 * _DAY_SECONDS),
    default=3600,
    show_default=True,
    help="Seconds until it expires.",
)
@click.option(
    "--actor", default="cli", show_default=True, callback=an_actor, help="Who bears it (`sub`)."
)
@data_dir_option
def token(
    tenant: str, scopes: tuple[str, ...], ttl_seconds: int, actor: str, data_dir: Path | None
) -> None:
    """Print a token for the API of `daybook up --auth jwt`, or for DAYBOOK_AUTH_KEY_FILE."""
    settings = settings_with(data_dir)
    granted = sorted(ALL_SCOPES) if _ALL in scopes else sorted(set(scopes))
    show(run(_minted(settings, tenant, granted, ttl_seconds, actor)))


async def _minted(
    settings: Settings, tenant: str, scopes: list[str], ttl_seconds: int, actor: str
) -> str:
    # No issuer gives us its key: a token of ours is made by the rules for key files.
    rules = rules_of(msgspec.structs.replace(settings, auth_jwks_url=None))
    key = signing_key(_file(settings))
    algorithm = algorithm_of(key, rules.algorithms)
    now = int(time.time())
    claims = Claims(
        iss=rules.issuer,
        aud=rules.audience,
        sub=actor,
        iat=now,
        nbf=now,
        exp=now + ttl_seconds,
        tenant=tenant,
        scope=" ".join(scopes),
    )
    return mint(key, algorithm, claims)


def _file(settings: Settings) -> Path:
    file = settings.auth_key_file or settings.data_dir / LOCAL_FILE
    if not file.exists():
        raise KeyUnusable(
            f"there is no key {file}: `daybook up --auth jwt` makes one, or name yours in "
            "DAYBOOK_AUTH_KEY_FILE"
        )
    return file
