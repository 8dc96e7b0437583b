"""`daybook`: one command for operators, producers and auditors."""

import click

from services.cli.audit import audit
from services.cli.demo import demo
from services.cli.encounters import encounter
from services.cli.intake import intake
from services.cli.rebuild import rebuild
from services.cli.remittances import remittance
from services.cli.up import migrate_command, serve_command, up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daybook")
def main() -> None:
    """Daybook, an event-sourced billing ledger.

    Commands find the stack that runs on --data-dir, or the servers that DAYBOOK_POSTGRES_URL,
    DAYBOOK_NATS_URL and DAYBOOK_TEMPORAL_ADDRESS name.
    """


for _command in (
    demo,
    up,
    serve_command,
    migrate_command,
    intake,
    encounter,
    remittance,
    rebuild,
    audit,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
