"""`daybook gl`: exports of the general ledger, and the proof of what was exported."""

import sys
from datetime import date, datetime
from pathlib import Path

import click
import msgspec

from contracts.gl_export import GlExportFormat
from contracts.ids import GlExportId, from_uuid
from domain.gl_export import RequestGlExport
from services.api.context import fresh_uuid
from services.cli.running import (
    an_id,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.gl_export.fetching import NotExported, ask, fetch, wait_for_end
from services.gl_export.layout import layout_id
from services.gl_export.layouts import current_layout
from services.gl_export.manifest import Manifest, ManifestUnreadable, verify
from services.logging import configure_logging
from services.settings import Settings
from services.tables import Sheet, show
from services.wiring import exports

COULD_NOT_RUN = 2
_DAY = click.DateTime(["%Y-%m-%d"])
_FORMATS = click.Choice([each.value for each in GlExportFormat])


@click.group()
def gl() -> None:
    """The general ledger: exports with a manifest, and their proof."""
    configure_logging("cli", level="warning")


@gl.command()
@click.option(
    "--from", "first", type=_DAY, required=True, metavar="DAY", help="First posting date."
)
@click.option("--to", "last", type=_DAY, required=True, metavar="DAY", help="Last, inclusive.")
@click.option("--facility", default=None, help="Only entries of this facility.")
@click.option("--currency", default=None, help="Only entries in this currency.")
@click.option("--format", "form", type=_FORMATS, default="csv", show_default=True)
@click.option("--layout", type=click.Choice(["plain", "erp"]), default="plain", show_default=True)
@click.option("--position", type=click.IntRange(min=0), default=None, help="Cut the log here.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@tenant_option
@data_dir_option
@json_option
def export(
    first: datetime,
    last: datetime,
    facility: str | None,
    currency: str | None,
    form: str,
    layout: str,
    position: int | None,
    out: Path,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Export the entries of a period, wait for it, and bring file and manifest to --out.

    The export goes on when the command is ended; `daybook gl fetch` brings it later.
    """
    if layout == "erp" and form != GlExportFormat.CSV:
        raise click.UsageError("layouts are for csv: leave --layout out for json")
    command = RequestGlExport(
        gl_export_id=GlExportId(from_uuid("gle", fresh_uuid())),
        booked_from=_day(first),
        booked_to=_day(last),
        format=GlExportFormat(form),
        facility=facility,
        currency=currency,
        position=position,
    )
    run(_export(settings_with(data_dir), tenant, command, layout == "erp", out))
    _report(out, as_json)


@gl.command(name="fetch")
@click.argument("gl_export_id", callback=an_id)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@tenant_option
@data_dir_option
@json_option
def fetch_command(
    gl_export_id: str, out: Path, tenant: str, data_dir: Path | None, as_json: bool
) -> None:
    """Bring the file and the manifest of an export that was asked for before."""
    run(_fetch(settings_with(data_dir), tenant, gl_export_id, out))
    _report(out, as_json)


@gl.command(name="verify")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def verify_command(folder: Path, as_json: bool) -> None:
    """Check an exported file against its manifest: bytes, rows, totals, balance.

    Needs neither a stack nor a network. Exits 0 when all is well, 1 with findings, 2 when it
    could not run.
    """
    _report(folder, as_json)


async def _export(
    settings: Settings, tenant: str, command: RequestGlExport, erp: bool, out: Path
) -> None:
    async with exports(settings) as wired:
        if erp:
            layout = await current_layout(wired.pool, tenant)
            if layout is None:
                raise NotExported(f"tenant {tenant} has no ERP layout: `daybook erp-layout set`")
            command = msgspec.structs.replace(command, layout=layout_id(layout))
        gl_export_id = await ask(wired.executor, tenant, command)
        click.echo(f"{gl_export_id} is being exported", err=True)
        found = await wait_for_end(wired.pool, tenant, gl_export_id)
        await fetch(wired.objects, found, out)


async def _fetch(settings: Settings, tenant: str, gl_export_id: str, out: Path) -> None:
    async with exports(settings) as wired:
        found = await wait_for_end(wired.pool, tenant, gl_export_id)
        await fetch(wired.objects, found, out)


def _day(at: datetime) -> date:
    return at.date()


def _report(folder: Path, as_json: bool) -> None:
    try:
        manifest, findings = verify(folder)
    except (ManifestUnreadable, OSError) as failed:
        click.echo(f"could not verify: {failed}", err=True)
        sys.exit(COULD_NOT_RUN)
    if as_json:
        print_json({"manifest": manifest, "findings": findings})
    else:
        show(_sheet(folder, manifest), *findings)
    sys.exit(1 if findings else 0)


def _sheet(folder: Path, manifest: Manifest) -> Sheet:
    sheet = Sheet("", "what", header=False, title="General ledger", folds=("what",))
    sheet.add("file", str(folder / manifest.file))
    sheet.add("tenant", manifest.tenant)
    sheet.add("posting dates", f"{manifest.booked_from} to {manifest.booked_to}")
    sheet.add("entries", f"{manifest.row_count:,}")
    for total in manifest.totals:
        sheet.add(total.currency, f"{total.debit} debit, {total.credit} credit")
    sheet.add("sha256", manifest.sha256)
    return sheet
