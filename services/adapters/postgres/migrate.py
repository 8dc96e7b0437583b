"""Migrations: numbered SQL files of this package, applied once each, in order, under one lock."""

import hashlib
from importlib.resources import files
from typing import Final

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from relay.tree import ensure_log
from services.adapters.postgres.server import not_durable, shortcomings
from services.cannot_run import CannotRun
from services.reach import ServerUnfit

ROLES: Final = {
    "daybook_writer": "NOBYPASSRLS",
    "daybook_reader": "NOBYPASSRLS",
    "daybook_reporter": "NOBYPASSRLS",
    # These three read every tenant; with row_security = off a policy would fail them, not filter.
    "daybook_sequencer": "BYPASSRLS",
    "daybook_projector": "BYPASSRLS",
    "daybook_auditor": "BYPASSRLS",
}
SEARCH_PATH: Final = "daybook, read, public"
# An arbitrary constant that every release agrees on ("daybook" in ASCII).
_LOCK: Final = 0x6461_7962_6F6F_6B

AnyConnection = asyncpg.Connection | PoolConnectionProxy

_log = structlog.get_logger()


class MigrationChanged(CannotRun):
    """A migration that was applied before has another text now; released ones are never edited."""


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Bring the connected database up to this release; returns the names of what was applied.

    Needs a role that may create roles and schemas. Safe to run from several processes at once.
    Raises MigrationChanged, and ServerUnfit before anything is changed.
    """
    found = await shortcomings(connection)
    if found:
        raise ServerUnfit("; ".join(found))
    for setting in await not_durable(connection):
        _log.warning(
            "a crash of Postgres loses what was acknowledged", setting=setting, value="off"
        )
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await _create_roles(connection)
        await connection.execute(
            "CREATE SCHEMA IF NOT EXISTS daybook; CREATE SCHEMA IF NOT EXISTS read;"
            "CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;"
            "SET LOCAL search_path = daybook, public;"
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY,"
            " digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        applied = await _apply_missing(connection)
        await ensure_log(connection)
    for name in applied:
        _log.info("migration applied", migration=name)
    return applied


async def missing_migrations(connection: AnyConnection) -> list[str]:
    """The migrations of this release that the database does not have yet."""
    try:
        rows = await connection.fetch("SELECT name FROM daybook.schema_migrations")
    except asyncpg.UndefinedTableError:
        rows = []
    applied = {row["name"] for row in rows}
    return [name for name, _ in _migrations() if name not in applied]


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("SELECT name, digest FROM schema_migrations")
    known = {row["name"]: row["digest"] for row in rows}
    applied = []
    for name, text in _migrations():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name not in known:
            await connection.execute(text)
            await connection.execute(
                "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)", name, digest
            )
            applied.append(name)
        elif known[name] != digest:
            raise MigrationChanged(
                f"migration {name} was applied to this database with another text: run the release"
                " that applied it; a change belongs in a new file"
            )
    return applied


def _migrations() -> list[tuple[str, str]]:
    folder = files("services.adapters.postgres") / "migrations"
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [(file.name, file.read_text()) for file in sorted(found, key=lambda file: file.name)]


async def _create_roles(connection: asyncpg.Connection) -> None:
    existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for role, attribute in ROLES.items():
        if role not in existing:
            # Roles are the cluster's, not the database's: another database's migration may be
            # creating the same one, which the block tells from a real failure.
            await connection.execute(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN {attribute};"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
