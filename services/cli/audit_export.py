"""`daybook audit export`: the log or the general ledger, to a folder or an object store."""

import asyncio
import shutil
import sys
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Final

import click
import msgspec

from services.audit.exporting import Exported, ExportFormat, Request, export
from services.audit.log_export import NotExportable
from services.cli.audit_running import could_not_run
from services.cli.running import (
    a_tenant,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
)
from services.gl_export.manifest import MANIFEST
from services.gl_export.spooling import chunks_of
from services.locate import locate
from services.objects import object_key
from services.settings import Settings
from services.tables import console
from services.whole_files import whole_file
from services.wiring import Wiring, object_store

_FORMATS: Final = click.Choice([each.value for each in ExportFormat])
_FOLDER: Final = "audit-exports"
_ALL: Final = "_log"


def _place(
    _context: click.Context, _option: click.Parameter, given: str | None
) -> date | int | None:
    if given is None:
        return None
    if given.isascii() and given.isdecimal() and len(given) < 19:
        return int(given)
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise click.BadParameter("a position, or a day as 2026-01-31") from None


@click.command(name="export")
@click.option("--format", "form", type=_FORMATS, required=True)
@click.option("--since", callback=_place, metavar="DAY|POSITION", help="The first; included.")
@click.option("--until", callback=_place, metavar="DAY|POSITION", help="The last; included.")
@click.option("--position", type=click.IntRange(min=1), help="Cut the log here.")
@click.option("--output", "-o", required=True, metavar="DIR|s3://...", help="Where to.")
@click.option("--tenant", callback=a_tenant, help="Only this one's; a ledger is always one's.")
@data_dir_option
@json_option
def export_command(
    form: str,
    since: date | int | None,
    until: date | int | None,
    position: int | None,
    output: str,
    tenant: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Export the log (jsonl, parquet) or the general ledger (gl-csv, gl-json, beancount).

    The log goes by position, or by the day (UTC) on which an event was put in order, the ledger by
    posting date. The manifest beside the file has its SHA-256, its rows and, of the log, the root
    that a checkpoint signs. The same call gives the same bytes as long as nothing new is in the
    range; with --position they stay the same for ever.
    """
    request = Request(ExportFormat(form), tenant, since, until, position)
    with could_not_run("export"):
        try:
            manifest = run(_export(settings_with(data_dir), request, output))
        except NotExportable as impossible:
            raise click.ClickException(str(impossible)) from None
    if as_json:
        print_json(manifest)
    else:
        said = msgspec.to_builtins(manifest)
        click.echo(f"{said['file']}: {said['row_count']:,} rows, {said['size_bytes']:,} bytes")
        click.echo(f"sha256 {said['sha256']}")


async def _export(settings: Settings, request: Request, output: str) -> msgspec.Struct:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "audit", undo)
        pool = await wired.pool("daybook_auditor", 2)
        status = undo.enter_context(console(sys.stderr).status("reading"))

        def show(events: int) -> None:
            status.update(f"{events:,} events")

        async def deliver(exported: Exported) -> None:
            if "://" in output:
                await _put(output, request, exported)
            else:
                await asyncio.to_thread(_save, Path(output), exported)

        return await export(pool, request, deliver, show)


async def _put(url: str, request: Request, exported: Exported) -> None:
    """The file, then the manifest: whoever finds one finds the other."""
    objects = object_store(url)
    ends = "-".join(str(end) for end in (request.since or "first", request.until or "last"))
    folder = (request.tenant or _ALL, _FOLDER, f"{request.format}-{ends}")
    await objects.put(object_key(*folder, exported.name), chunks_of(exported.file))
    await objects.put(object_key(*folder, MANIFEST), exported.manifest)


def _save(folder: Path, exported: Exported) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / exported.name) as file:
        shutil.copyfileobj(exported.file, file)
    with whole_file(folder / MANIFEST) as file:
        file.write(exported.manifest)
