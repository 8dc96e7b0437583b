"""Whatever the document allows is asked of the running API, and so is what it does not allow."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from services.access.bearer import Verifier
from services.access.scopes import ALL_SCOPES
from services.api.app import routes_app
from services.api.auth import authenticate_jwt
from tests.fixtures.clinic_books import fill_books
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.served_api import served
from tests.fixtures.tokens import KEYS, RULES, token

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
HOOKS: Final = CONFIG.with_name("schemathesis_hooks.py")
SECONDS: Final = float(os.environ.get("DAYBOOK_SCHEMATHESIS_SECONDS", "0"))
"""How long to go on with random requests, where somebody wants more than the suite takes."""

_ALL: Final = " ".join(sorted(ALL_SCOPES))


async def test_the_whole_document_is_asked_and_nothing_is_found(
    database: Database, tmp_path: Path
) -> None:
    verifier = Verifier(KEYS, RULES)
    async with served(database, authenticate=authenticate_jwt(verifier)) as (client, _):
        bearer = f"Bearer {token(scope=_ALL)}"
        await fill_books(client, routes_app(), database, Authorization=bearer)
        await catch_up(database)
        code, said = await _schemathesis(str(client.base_url), bearer, tmp_path)
    print(said)
    assert code == 0


async def _schemathesis(url: str, bearer: str, folder: Path) -> tuple[int | None, str]:
    much = (
        ("--max-time", str(int(SECONDS)), "--generation-database", ":memory:")
        if SECONDS
        else ("--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--seed", "20260102")
    )
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"),
        *(f"{url}/schema/openapi.json", "--header", f"Authorization:{bearer}", *much),
        cwd=folder,
        env=os.environ | {"DAYBOOK_SCHEMATHESIS_HOOKS": str(HOOKS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()
