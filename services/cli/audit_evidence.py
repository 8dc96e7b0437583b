"""`daybook audit prove` and `verify --bundle`: evidence that is checked anywhere."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NoReturn

import click

from services.audit.bundles import prove
from services.audit.checker import Refused, Verdict, check_bundle
from services.audit.checkpoints import Kept
from services.audit.signing import SigningKey, find_seed
from services.cli.audit_running import could_not_run
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.locate import locate
from services.settings import Settings
from services.tables import console
from services.wiring import Wiring


@click.command(name="prove")
@click.argument("subject")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="One that the reader keeps: the bundle proves that the log went on from it.",
)
@tenant_option
@data_dir_option
@json_option
def prove_command(
    subject: str,
    output: Path,
    checkpoint: Path | None,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Write the evidence for SUBJECT to a file that `verify --bundle` checks anywhere.

    SUBJECT is the id of an invoice (inv_...), of an account for its balance (acc_...), of an event
    (chg_...-1), or `tenant` for everything of --tenant: then nothing of it is missing, and nothing
    of other tenants is in it. Needs the signing key (`daybook keys`).
    """
    settings = settings_with(data_dir)
    kept = checkpoint.read_bytes() if checkpoint else None
    with could_not_run("prove"):
        try:
            verdict = run(_prove(settings, tenant, subject, output, kept))
        except Refused as refused:
            click.echo(f"FINDINGS: the ledger does not prove it: {refused}")
            sys.exit(1)
    _show(verdict, as_json)


async def _prove(
    settings: Settings, tenant: str, subject: str, to: Path, kept: bytes | None
) -> Verdict:
    seed = find_seed(settings)
    if seed is None:
        raise click.ClickException(
            "evidence is signed, and there is no key: `daybook keys init`, or DAYBOOK_SIGNING_KEY"
        )
    async with AsyncExitStack() as undo:
        wired = Wiring(settings, locate(settings), "audit", undo)
        pool = await wired.pool("daybook_auditor", 2)
        log_id = await pool.fetchval("SELECT log_id FROM daybook.log_head")
        key = SigningKey(seed, str(log_id))
        status = undo.enter_context(console(sys.stderr).status("reading events"))

        def show(events: int) -> None:
            status.update(f"{events:,} events")

        return await prove(pool, tenant, subject, key, to, kept=kept, on_events=show)


def check_offline(bundle: Path, kept: Kept, as_json: bool) -> NoReturn:
    """Check a bundle, print the verdict and exit with it."""
    key = kept.keys[0] if kept.keys else None
    try:
        with bundle.open("rb") as file:
            verdict = check_bundle(file, key, kept.checkpoint)
    except Refused as refused:
        if as_json:
            print_json({"well": False, "refused": str(refused)})
        else:
            click.echo(f"REFUSED: {refused}")
        sys.exit(1)
    _show(verdict, as_json)
    sys.exit(0)


def _show(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(verdict))
    else:
        click.echo("\n".join(verdict.lines()))


def _as_json(verdict: Verdict) -> dict[str, Any]:
    balances = [[*key, amount] for key, amount in sorted(verdict.balances.items())]
    return verdict._asdict() | {
        "well": True,
        "key": verdict.key.text,
        "checkpoint": {
            "origin": verdict.checkpoint.origin,
            "size": verdict.checkpoint.size,
            "root": verdict.checkpoint.root.hex(),
        },
        "balances": balances,
    }
