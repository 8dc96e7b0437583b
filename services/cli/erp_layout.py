"""`daybook erp-layout`: how a tenant's ERP system wants the entries of an export."""

import sys
from pathlib import Path

import click

from services.cli.over_pool import run_over_pool
from services.cli.running import data_dir_option, tenant_option
from services.gl_export.layout import (
    PLAIN,
    LayoutInvalid,
    encode_layout,
    layout_id,
    read_layout,
)
from services.gl_export.layouts import current_layout, set_layout
from services.logging import configure_logging


@click.group(name="erp-layout")
def erp_layout() -> None:
    """The layout of `daybook gl export --layout erp`, one a tenant."""
    configure_logging("cli", level="warning")


@erp_layout.command(name="set")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
@data_dir_option
def set_command(file: Path, tenant: str, data_dir: Path | None) -> None:
    """Make a TOML file the tenant's layout; earlier exports keep the one that they name."""
    try:
        layout = read_layout(file.read_bytes())
    except LayoutInvalid as wrong:
        raise click.ClickException(f"{file}: {wrong}") from None
    named = run_over_pool(data_dir, set_layout, tenant, layout)
    click.echo(f"{layout.name!r} is the layout of tenant {tenant}: {named}")


@erp_layout.command(name="show")
@tenant_option
@data_dir_option
def show_command(tenant: str, data_dir: Path | None) -> None:
    """Print the tenant's layout as JSON; the plain one where none is set."""
    layout = run_over_pool(data_dir, current_layout, tenant)
    named = "plain, none is set" if layout is None else layout_id(layout)
    click.echo(f"layout of tenant {tenant}: {named}", err=True)
    sys.stdout.write(encode_layout(layout or PLAIN).decode() + "\n")
