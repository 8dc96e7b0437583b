"""A projection's tables and handler are what its VERSION says: the digest of a golden replay."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import pytest

from contracts.catalogue import CATALOGUE
from contracts.event import Posted
from projections.builds import Build
from projections.projection import REGISTRY, Projection
from tests.fixtures.bill_history import of_bills
from tests.fixtures.corrected_history import corrected
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.workflow_history import of_workflows

GOLDEN = Path(__file__).parent.parent / "golden" / "projections.json"
# Changing what is replayed changes every digest: add another history rather than edit this one.
LOGS = {
    "": history(2026, 600),
    " corrected": corrected(),
    " bills": of_bills(),
    " workflows": of_workflows(),
}


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.strip() or "first")
@pytest.mark.parametrize("projection", REGISTRY, ids=lambda projection: projection.name)
async def test_a_changed_handler_or_table_takes_a_new_version(
    read_models: ReadModels, projection: Projection, log: str
) -> None:
    await read_models.write_log(LOGS[log])
    await read_models.catch_up(len(LOGS[log]), [projection])
    digest = await digest_of(read_models, await read_models.live(projection))
    known = json.loads(GOLDEN.read_text()).get(f"{projection.name} v{projection.version}{log}")
    assert digest == known, (
        f"{projection.name} writes something else than its version {projection.version} did."
        f" Raise its VERSION, so that it is rebuilt everywhere, and add to {GOLDEN.name}:"
        f' "{projection.name} v<new version>{log}": "{digest}"'
    )


def test_the_histories_have_every_event_that_books() -> None:
    booking = {entry.wire_type for entry in CATALOGUE if issubclass(entry.shape, Posted)}
    assert booking <= {item.type for log in LOGS.values() for item in log}


def test_every_version_that_was_released_keeps_its_line() -> None:
    known = json.loads(GOLDEN.read_text())
    for projection in REGISTRY:
        for version in range(1, projection.version + 1):
            assert f"{projection.name} v{version}" in known
        for log in LOGS:
            assert f"{projection.name} v{projection.version}{log}" in known


async def digest_of(read_models: ReadModels, build: Build) -> str:
    """SHA-256 over columns, indexes, constraints and rows of a build, each in a fixed order."""
    digest = hashlib.sha256()
    async with read_models.admin.acquire() as connection:
        schema = await connection.fetchval(
            "SELECT read.build_schema($1, $2, $3)", build.name, build.version, build.build
        )
        for statement in (_COLUMNS, _INDEXES, _CONSTRAINTS):
            for row in await connection.fetch(statement, schema):
                digest.update(row["line"].encode() + b"\n")
        for table in await connection.fetch(_TABLES, schema):
            rows = BytesIO()
            await connection.copy_from_table(table["line"], schema_name=schema, output=rows)
            digest.update(b"".join(sorted(rows.getvalue().splitlines(keepends=True))))
    return digest.hexdigest()


_TABLES = """
SELECT tablename AS line FROM pg_tables WHERE schemaname = $1 ORDER BY tablename COLLATE "C"
"""
_COLUMNS = """
SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable) AS line
  FROM information_schema.columns WHERE table_schema = $1
 ORDER BY table_name COLLATE "C", ordinal_position
"""
_INDEXES = """
SELECT replace(indexdef, schemaname || '.', '') AS line
  FROM pg_indexes WHERE schemaname = $1 ORDER BY indexname COLLATE "C"
"""
_CONSTRAINTS = """
SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) AS line FROM pg_constraint
 WHERE connamespace = to_regnamespace($1) AND contype <> 'n' ORDER BY conname COLLATE "C"
"""
