"""Read models: the log applied once more into temporary tables, compared row by row with the live
ones. The projections' own code applies it: what is proven of its rules is that they agree.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from contracts.ids import split_event_id
from projections.builds import Build, builds
from projections.projection import Projection
from projections.recorded import Recorded, require_decoded
from projections.statements import AnyConnection
from services.audit.agreement import disagreements
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import sql

_COMPARISONS: Final = sql("comparisons")
_SHOWN: Final = sql("shown")
# What says nothing about an event: the audit cannot go on, and has found nothing by it.
_FAULTS: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InFailedSQLTransactionError,
)


@asynccontextmanager
async def shadow_tables(
    connection: AnyConnection, registry: Sequence[Projection]
) -> AsyncIterator[None]:
    """Empty temporary tables of every projection. They are made before the audit's transaction,
    which may then write to nothing else."""
    await connection.execute("SET search_path = pg_temp")
    try:
        for projection in registry:
            await connection.execute(projection.schema)
        # A plan that was made while the tables were empty must not scan them once they are full.
        await connection.execute(
            "SET search_path = pg_temp, daybook, read, public;"
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
        )
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("DISCARD TEMP")


class ReadModels:
    """Replays the log for each live build up to its checkpoint."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._replays: list[tuple[Projection, Build]] = []
        self._parked: dict[str, frozenset[int]] = {}

    async def start(
        self, connection: AnyConnection, registry: Sequence[Projection], head: int
    ) -> None:
        """See which builds are shown, and how far they are; none may be beyond the head."""
        known = await builds(connection)
        self._beyond(known, head)
        for row in await connection.fetch(_SHOWN):
            self._add(row["what"], None, expected=row["expected"], found=row["found"])
        live = {build.name: build for build in known if build.stage == "live"}
        for projection in registry:
            build = live.get(projection.name)
            if build is None:
                continue  # nobody has started to fill it
            if build.status == "halted":
                self._add(f"{build.name} is halted", build.halted_position, found=build.error)
            if build.version != projection.version:
                expected, found = str(projection.version), str(build.version)
                what = f"{build.name} was filled by another version and is to be rebuilt"
                self._add(what, None, expected=expected, found=found)
                continue
            self._replays.append((projection, build))
            positions = await connection.fetch(
                "SELECT position FROM read.parked_events WHERE name = $1 AND build = $2",
                build.name,
                build.build,
            )
            self._parked[build.name] = frozenset(row["position"] for row in positions)

    def _beyond(self, known: Sequence[Build], head: int) -> None:
        """What a checkpoint has passed is never applied, whatever is at that position then."""
        for build in known:
            if build.checkpoint > head:
                what = f"the checkpoint of {build.name}, build {build.build}, is beyond the log"
                expected, checkpoint = f"{head} or less", str(build.checkpoint)
                self._add(what, head + 1, expected=expected, found=checkpoint)

    async def take(self, connection: AnyConnection, page: Sequence[Recorded]) -> None:
        """Apply a page to every build that had seen it."""
        for replay in list(self._replays):
            projection, build = replay
            parked = self._parked[build.name]
            run = [
                recorded
                for recorded in page
                if recorded.position <= build.checkpoint and recorded.position not in parked
            ]
            if run and not await self._apply(connection, projection, run):
                self._replays.remove(replay)

    async def _apply(
        self, connection: AnyConnection, projection: Projection, run: Sequence[Recorded]
    ) -> bool:
        """Apply a run, or find out which event of it cannot be applied; then it is not compared."""
        try:
            async with connection.transaction():  # a savepoint
                require_decoded(run)
                await projection.apply(run, connection)
        except (asyncio.CancelledError, *_FAULTS):
            raise
        except Exception as error:  # whatever an event sets off is a finding
            if len(run) > 1:
                middle = len(run) // 2
                return await self._apply(connection, projection, run[:middle]) and (
                    await self._apply(connection, projection, run[middle:])
                )
            what = f"{projection.name} cannot apply the event: {type(error).__name__}: {error}"
            self._findings.at(Check.READ_MODELS, run[0], what)
            return False
        return True

    async def finish(self, connection: AnyConnection) -> None:
        """Compare every table of every build that could be replayed, and these with each other."""
        await connection.execute(
            "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;"
            "SET LOCAL enable_mergejoin = on"
        )
        for _, build in self._replays:
            tables = await connection.fetch(
                _COMPARISONS, build.name, build.version, build.build, FINDINGS_KEPT_MAX
            )
            for table, keys, analyze, count, compare in tables:
                await connection.execute(analyze)
                self._findings.checked(Check.READ_MODELS, await connection.fetchval(count))
                for replayed, found in await connection.fetch(compare):
                    self._differs(table, keys, _row(replayed), _row(found))
        positions = {projection.name: build.checkpoint for projection, build in self._replays}
        for what, tenant, expected, found in await disagreements(connection, positions):
            self._findings.add(
                Check.READ_MODELS, what, tenant=tenant, expected=expected, found=found
            )

    def _differs(
        self,
        table: str,
        keys: Sequence[str],
        replayed: dict[str, Any] | None,
        found: dict[str, Any] | None,
    ) -> None:
        row = replayed or found or {}
        names = [name for name in row if not (replayed and found) or replayed[name] != found[name]]
        key = ", ".join(str(row[name]) for name in keys)
        stream_id, version = _stream(row, keys)
        self._findings.add(
            Check.READ_MODELS,
            f"{table} ({key})",
            position=row.get("position"),
            tenant=row.get("tenant"),
            stream_id=stream_id,
            version=version,
            expected=_text(replayed, names),
            found=_text(found, names),
        )

    def _add(self, what: str, position: int | None, **values: str | None) -> None:
        self._findings.add(Check.READ_MODELS, what, position=position, **values)


def _row(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(msgspec.json.decode(text))


def _text(row: dict[str, Any] | None, names: Sequence[str]) -> str | None:
    return None if row is None else ", ".join(f"{name} {row[name]}" for name in names)


def _stream(row: dict[str, Any], keys: Sequence[str]) -> tuple[str | None, int | None]:
    """The stream that a row is about, and the event if the row says which."""
    if "transaction_id" in row:
        return split_event_id(row["transaction_id"])
    return next((row[name] for name in keys if name.endswith("_id")), None), None
