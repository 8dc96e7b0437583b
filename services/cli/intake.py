"""`daybook intake`: send messages, look at what was rejected, mend it, retry it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from contracts.cloudevent import CloudEvent, NotACloudEvent, from_structured
from services.cli.lists import list_options, show_list
from services.cli.running import (
    a_tenant,
    a_text,
    an_id,
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.intake import rejected as rejections
from services.intake.reading import NOBODY
from services.intake.sending import Sent, producer
from services.listed import Listed
from services.locate import locate
from services.logging import configure_logging
from services.settings import Settings
from services.tables import Sheet
from services.wiring import Writing, writing

# Not `exists`: one that is missing is named like one that cannot be read, and the rest is sent.
_files = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group()
def intake() -> None:
    """Send messages to the intake, and care for those that were rejected."""
    configure_logging("cli", level="warning")


@intake.command()
@_files
@tenant_option
@data_dir_option
@json_option
def publish(files: tuple[Path, ...], tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """Send JSON Lines of CloudEvents."""
    _show_sent(run(_publish(settings_with(data_dir), tenant, files)), as_json)


async def _publish(settings: Settings, tenant: str, files: tuple[Path, ...]) -> Sent:
    async with producer(locate(settings), tenant, prefix=settings.prefix) as sending:
        return await sending.send_lines(files)


@intake.command()
@_files
@tenant_option
@data_dir_option
@json_option
def fhir(files: tuple[Path, ...], tenant: str, data_dir: Path | None, as_json: bool) -> None:
    """Send what FHIR R4 bundles mean: closed encounters and the payers' remittances."""
    _show_sent(run(_fhir(settings_with(data_dir), tenant, files)), as_json)


async def _fhir(settings: Settings, tenant: str, files: tuple[Path, ...]) -> Sent:
    async with producer(locate(settings), tenant, prefix=settings.prefix) as sending:
        return await sending.send_bundles(files)


def _show_sent(sent: Sent, as_json: bool) -> None:
    """What was sent; exit code 1 when something could not be read."""
    if as_json:
        print_json(sent)
    else:
        for problem in sent.problems:
            click.echo(problem, err=True)
        click.echo(f"sent {sent.sent} messages, {len(sent.problems)} could not be read")
    if sent.problems:
        sys.exit(1)


@intake.group()
def rejected() -> None:
    """Messages that could not be taken: list, show, retry, discard."""


@rejected.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Also those retried or discarded.")
@click.option(
    "--status",
    type=click.Choice(("open", "retried", "discarded")),
    help="Only those of this status.  [default: open]",
)
@list_options
def list_rejected(
    everything: bool,
    status: str | None,
    limit: int,
    after: str | None,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Rejected messages, the newest first."""
    if everything and status:
        raise click.UsageError("--all and --status exclude each other")
    wanted = None if everything else status or "open"
    found = run(_list(settings_with(data_dir), tenant, wanted, limit, after))
    columns = ("id", "received", "type", "message", "code", "what is wrong", "status")
    sheet = Sheet(*columns, folds=("received", "type", "what is wrong"))
    show_list(found, sheet, _add, nothing="nothing is rejected", as_json=as_json)


def _add(sheet: Sheet, message: rejections.RejectedSummary) -> None:
    sheet.add(
        message.rejection_id,
        f"{message.received_at:%Y-%m-%d %H:%M:%S}Z",
        message.message_type or "?",
        message.message_id or "?",
        message.code,
        message.detail,
        message.status,
    )


async def _list(
    settings: Settings, tenant: str, status: str | None, limit: int, after: str | None
) -> Listed[rejections.RejectedSummary]:
    async with _mending(settings) as wired:
        return await rejections.list_rejected(
            wired.pool, tenant, status=status, limit=limit, after=after
        )


@rejected.command()
@click.argument("rejection_id", callback=an_id)
@tenant_option
@data_dir_option
def show(rejection_id: str, tenant: str, data_dir: Path | None) -> None:
    """One rejected message with exactly what arrived."""
    print_json(run(_show(settings_with(data_dir), tenant, rejection_id)))


async def _show(settings: Settings, tenant: str, rejection_id: str) -> dict[str, object]:
    async with _mending(settings) as wired:
        summary, kept = await rejections.open_rejected(wired.pool, tenant, rejection_id)
        payload = msgspec.json.decode(f'"{kept.payload_base64}"', type=bytes)
        return {
            **msgspec.to_builtins(summary),
            "headers": kept.headers,
            "payload": payload.decode(errors="backslashreplace"),
        }


@rejected.command()
@click.argument("rejection_id", callback=an_id)
@click.option(
    "--file",
    "mended_file",
    type=click.Path(path_type=Path),
    help="The mended CloudEvent as JSON; without it the message is sent as it was.",
)
@click.option(
    "--as",
    "as_tenant",
    callback=a_tenant,
    help=f"Whose it is, when it came for no tenant ({NOBODY}).",
)
@tenant_option
@data_dir_option
def retry(
    rejection_id: str,
    mended_file: Path | None,
    as_tenant: str | None,
    tenant: str,
    data_dir: Path | None,
) -> None:
    """Send a rejected message again, mended or as it was."""
    if (tenant == NOBODY) is (as_tenant is None):
        raise click.UsageError(f"--as TENANT is for messages of --tenant {NOBODY}, and only those")
    mended = None if mended_file is None else _mended(mended_file)
    run(_retry(settings_with(data_dir), tenant, as_tenant or tenant, rejection_id, mended))
    click.echo(f"{rejection_id} sent again")


def _mended(path: Path) -> CloudEvent:
    try:
        return from_structured(path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read ({error.strerror})") from None
    except NotACloudEvent as invalid:
        raise click.ClickException(f"{path}: {invalid}") from None


async def _retry(
    settings: Settings,
    tenant: str,
    sent_as: str,
    rejection_id: str,
    mended: CloudEvent | None,
) -> None:
    sender = producer(locate(settings), sent_as, prefix=settings.prefix)
    async with _mending(settings) as wired, sender as sending:
        await rejections.retry(wired.executor, wired.pool, sending, tenant, rejection_id, mended)


@rejected.command()
@click.argument("rejection_id", callback=an_id)
@click.option(
    "--reason", required=True, callback=a_text, help="Why it is not needed; kept in the log."
)
@tenant_option
@data_dir_option
def discard(rejection_id: str, reason: str, tenant: str, data_dir: Path | None) -> None:
    """Note that a rejected message is not needed."""
    run(_discard(settings_with(data_dir), tenant, rejection_id, reason))
    click.echo(f"{rejection_id} discarded")


async def _discard(settings: Settings, tenant: str, rejection_id: str, reason: str) -> None:
    async with _mending(settings) as wired:
        await rejections.discard(wired.executor, tenant, rejection_id, reason)


@asynccontextmanager
async def _mending(settings: Settings) -> AsyncIterator[Writing]:
    """Whatever an operator got wrong ends as one line that says so."""
    async with writing(settings) as wired:
        try:
            yield wired
        except (
            rejections.NoSuchRejection,
            rejections.Forgotten,
            rejections.CannotRetry,
        ) as refused:
            raise click.ClickException(str(refused)) from None
