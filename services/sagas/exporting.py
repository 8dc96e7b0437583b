"""The activity of GlExport: one export from its request to its end in the log."""

from typing import Final

import asyncpg
import structlog
from temporalio import activity

from contracts.gl_export import GlExportRequested
from contracts.ids import GlExportId, event_id
from domain.gl_export import CompleteGlExport, FailGlExport, Requested
from projections.freshness import NotYet, wait_for
from services.execute.envelope import Refused
from services.execute.executor import Executor
from services.gl_export.exporting import ExportRefused, export
from services.objects import ObjectStoreUnreachable
from services.ports import ObjectStore
from services.sagas.ledger import Source, read_sources
from services.sagas.messages import ExportLedger
from services.sagas.pulse import heartbeats
from services.sagas.steps import Step, execute_steps, try_again, unknown
from services.tenant_view import tenant_view

# The read model that entries come from; what was booked before the request has to be in it.
_READS: Final = ("general_ledger",)
_PATIENCE_SECONDS: Final = 10.0
_log = structlog.get_logger()


class Exporting:
    """Exports the ledger; the pools act as daybook_writer and daybook_reader."""

    def __init__(
        self, executor: Executor, pool: asyncpg.Pool, reader: asyncpg.Pool, objects: ObjectStore
    ) -> None:
        self._executor = executor
        self._pool = pool
        self._reader = reader
        self._objects = objects

    @activity.defn(name="export_general_ledger")
    async def export(self, work: ExportLedger) -> None:
        """Export, and record what left or what stands against it; one that ended stays as it is."""
        async with heartbeats():
            async with tenant_view(self._pool, work.tenant) as connection:
                found = await read_sources(
                    connection, work.tenant, (work.gl_export_id,), GlExportRequested
                )
            if not found:
                raise unknown("export", [work.gl_export_id])
            source = found[0]
            if isinstance(source.state, Requested):
                await self._record(source, await self._outcome(source))

    async def _outcome(self, source: Source) -> CompleteGlExport | FailGlExport:
        asked_at = await self._asked_at(source)
        try:
            return CompleteGlExport(
                completed=await export(
                    self._reader, self._objects, source.tenant, source.event, asked_at
                )
            )
        except ExportRefused as refused:
            _log.warning(
                "the general ledger was not exported",
                tenant=source.tenant,
                correlation_id=source.cause.correlation_id,
                gl_export_id=source.stream_id,
                code=refused.code,
                detail=refused.detail,
            )
            return FailGlExport(
                gl_export_id=GlExportId(source.stream_id), code=refused.code, detail=refused.detail
            )
        except ObjectStoreUnreachable as away:
            raise try_again("export", 1, str(away)) from away

    async def _asked_at(self, source: Source) -> int:
        """The request's position, once the read model has seen it."""
        try:
            async with tenant_view(self._reader, source.tenant) as connection:
                return await wait_for(
                    connection,
                    event_id(source.stream_id, 1),
                    _READS,
                    tenant=source.tenant,
                    timeout_seconds=_PATIENCE_SECONDS,
                )
        except NotYet as behind:
            raise try_again("export", 1, f"general_ledger: {behind}") from behind

    async def _record(self, source: Source, command: CompleteGlExport | FailGlExport) -> None:
        (outcome,) = await execute_steps(self._executor, [Step(source, "end", command)])
        if isinstance(outcome, Refused):
            raise try_again("export", 1, f"{outcome.code}: {outcome.detail}")
