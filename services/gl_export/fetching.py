"""An export for somebody who waits: asked for, its end awaited, its files brought to a folder."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import IO, Final

import asyncpg

from contracts.gl_export_views import GlExportStatus
from domain.gl_export import RequestGlExport
from services.cannot_run import CannotRun
from services.execute.envelope import Envelope, Refused
from services.execute.executor import Executor
from services.gl_export.found import GlExportFound, find_gl_export
from services.ports import ObjectStore
from services.tenant_view import tenant_view

_POLL_SECONDS: Final = 0.1


class NotExported(CannotRun):
    """There is no file; the text says why and what to do."""


async def ask(executor: Executor, tenant: str, command: RequestGlExport) -> str:
    """Ask for an export, as the command line; raises NotExported for a refusal."""
    outcome = await executor.execute(
        Envelope(
            tenant=tenant,
            command=command,
            actor="cli",
            correlation_id=command.gl_export_id,
        )
    )
    if isinstance(outcome, Refused):
        raise NotExported(f"{outcome.code}: {outcome.detail}")
    return outcome.stream_id


async def wait_for_end(pool: asyncpg.Pool, tenant: str, gl_export_id: str) -> GlExportFound:
    """The export once it is completed; raises NotExported where it failed or never was."""
    while True:
        async with tenant_view(pool, tenant, readonly=True) as connection:
            found = await find_gl_export(connection, tenant, gl_export_id)
        if found is None:
            raise NotExported(f"tenant {tenant} has no export {gl_export_id}")
        if found.status is GlExportStatus.FAILED:
            raise NotExported(f"{gl_export_id} failed: {found.code}: {found.detail}")
        if found.status is GlExportStatus.COMPLETED:
            return found
        await asyncio.sleep(_POLL_SECONDS)


async def fetch(objects: ObjectStore, found: GlExportFound, folder: Path) -> None:
    """Bring both files; each is there whole or not at all. Raises ObjectFailure and OSError."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    for key in (found.file, found.manifest):
        if key is not None:
            await _bring(objects, key, folder / key.rpartition("/")[2])


async def _bring(objects: ObjectStore, key: str, target: Path) -> None:
    opened = await objects.open(key)
    file = await asyncio.to_thread(_begin, target)
    try:
        with file:
            async for chunk in opened.chunks:
                await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(Path(file.name).replace, target)
    finally:
        await asyncio.to_thread(Path(file.name).unlink, missing_ok=True)


def _begin(target: Path) -> IO[bytes]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    return Path(name).open("wb")
