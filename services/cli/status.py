"""`daybook status`: where everything stands, from the log to what others have of it."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import click
import msgspec

from services.cli.running import data_dir_option, json_option, print_json, run, settings_with
from services.locate import locate
from services.logging import configure_logging
from services.reach import BUS_SECONDS_MAX
from services.settings import Settings
from services.status import Status, read_status
from services.tables import Sheet, show
from services.wiring import Wiring

_MEANINGS: Final = {
    "events": "events in the log",
    "unsequenced": "commands that are not in the log yet",
    "published": "position that is on the bus",
    "projected": "position that every read model has seen",
    "halted": "read models that halted",
    "rejected": "messages that were rejected",
    "charges": "charges",
    "encounters_open": "encounters that are worked on",
    "encounters_parked": "encounters that need attention",
    "remittances_open": "remittances that are worked on",
    "intake_pending": "messages that are not taken yet",
    "fhir_pending": "events that the FHIR server has not taken yet",
    "fhir_refused": "resources that the FHIR server refused",
}


@click.command()
@data_dir_option
@json_option
def status(data_dir: Path | None, as_json: bool) -> None:
    """Where everything stands, of all tenants together."""
    configure_logging("cli", level="warning")
    found = run(_status(settings_with(data_dir)))
    if as_json:
        print_json(found)
        return
    sheet = Sheet("", "count", header=False, right=("count",))
    for name, value in msgspec.structs.asdict(found).items():
        sheet.add(_MEANINGS[name], "unknown" if value is None else f"{value:,}")
    show(sheet)


async def _status(settings: Settings) -> Status:
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "status", undo)
        pool = await wired.pool("daybook_auditor", 1)
        client = await wired.bus("status", seconds_max=BUS_SECONDS_MAX)
        return await read_status(pool, client, wired.streams)
