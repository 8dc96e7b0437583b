"""`daybook`: one command for operators, producers and auditors."""

from importlib import import_module
from typing import Final

import click

_WHERE: Final = {
    "demo": "demo:demo",
    "up": "up:up",
    "serve": "up:serve_command",
    "migrate": "up:migrate_command",
    "status": "status:status",
    "token": "token:token",
    "keys": "keys:keys",
    "intake": "intake:intake",
    "invoice": "invoices:invoice",
    "bill": "bills:bill",
    "rates": "rates:rates",
    "statement": "statements:statement",
    "refund": "refunds:refund",
    "tax": "tax:tax",
    "zone": "zone:zone",
    "collection": "collections:collection",
    "letterhead": "letterheads:letterhead",
    "workflow": "workflows:workflow",
    "saga": "saga:saga",
    "encounter": "encounters:encounter",
    "remittance": "remittances:remittance",
    "codes": "codes:codes",
    "gl": "gl:gl",
    "erp-layout": "erp_layout:erp_layout",
    "rebuild": "rebuild:rebuild",
    "fhir": "fhir:fhir",
    "audit": "audit:audit",
}


class Commands(click.Group):
    """Imports a command when it is called: all of them together take a second, and memory."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which somebody gets to know them."""
        return list(_WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None where there is none of that name."""
        if cmd_name not in _WHERE:
            return None
        module, _, attribute = _WHERE[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"services.cli.{module}"), attribute)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daybook")
def main() -> None:
    """Daybook, an event-sourced billing ledger.

    Commands find the stack that runs on --data-dir, or the servers that DAYBOOK_POSTGRES_URL,
    DAYBOOK_NATS_URL and DAYBOOK_TEMPORAL_ADDRESS name.
    """


if __name__ == "__main__":
    main()
