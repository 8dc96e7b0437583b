"""Whatever the document allows is asked of the running API, and so is what it does not allow."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from services.access.bearer import Verifier
from services.access.scopes import ALL_SCOPES
from services.api.app import routes_app
from services.api.auth import authenticate_jwt
from tests.fixtures.clinic_books import fill_books, ids_of
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.served_api import served
from tests.fixtures.tokens import KEYS, RULES, token
from tests.fixtures.walking import Ids

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
HOOKS: Final = CONFIG.with_name("schemathesis_hooks.py")
SECONDS: Final = float(os.environ.get("DAYBOOK_SCHEMATHESIS_SECONDS", "0"))
"""How long to go on with random requests, where somebody wants more than the suite takes."""

# Of the environment only this: each request looks through all of it for proxies.
_ENVIRONMENT: Final = {
    "PATH": os.environ.get("PATH", ""),
    "DAYBOOK_SCHEMATHESIS_HOOKS": str(HOOKS),
    # Tables of characters, which take a second to make, are kept there.
    "HYPOTHESIS_STORAGE_DIRECTORY": str(HOOKS.parents[2] / ".hypothesis"),
}
_ALL: Final = " ".join(sorted(ALL_SCOPES))


@pytest.mark.timeout(600)  # it asks thousands of questions: on a busy machine that takes its time
async def test_the_whole_document_is_asked_and_nothing_is_found(
    database: Database, tmp_path: Path
) -> None:
    verifier = Verifier(KEYS, RULES)
    async with served(database, authenticate=authenticate_jwt(verifier)) as (client, _):
        bearer = f"Bearer {token(scope=_ALL)}"
        await fill_books(client, routes_app(), database, Authorization=bearer)
        await catch_up(database)
        document = tmp_path / "openapi.json"
        text = (await client.get("/schema/openapi.json")).text
        # Its examples name what is in the books: not everything that is asked for is missing.
        document.write_text(Ids(await ids_of(database)).put_into(text))
        code, said = await _schemathesis(document, str(client.base_url), bearer)
    print(said)
    assert code == 0


async def _schemathesis(document: Path, url: str, bearer: str) -> tuple[int | None, str]:
    much = (
        ("--max-time", str(int(SECONDS)))
        if SECONDS
        else ("--phases", "examples,coverage,fuzzing", "--max-examples", "2", "--seed", "20260102")
    )
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"),
        *(str(document), "--url", url, "--header", f"Authorization:{bearer}", *much),
        # One thread: two that parse Python at once fail by chance (SystemError, seen in 3.11.7).
        *("--workers", "1", "--generation-database", ":memory:"),
        cwd=document.parent,
        env=_ENVIRONMENT,
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
