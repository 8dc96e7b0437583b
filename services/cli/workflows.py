"""`daybook workflow`: configured workflows, checked, drawn and run."""

import asyncio
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
import click
import msgspec

from contracts.ids import WorkflowRunId, from_uuid
from contracts.workflow_run_views import WorkflowRunDetail, WorkflowRunStatus
from domain import naming
from domain.plan import Compiled, PlanInvalid
from domain.plan_graph import mermaid
from domain.workflow_run import RequestWorkflowRun
from projections.workflow_runs_queries import find_workflow_run
from services.cannot_run import CannotRun
from services.cli.running import (
    data_dir_option,
    json_option,
    print_json,
    run,
    settings_with,
    tenant_option,
)
from services.execute.envelope import Envelope, Refused
from services.logging import configure_logging
from services.sealing import find_keys, make_keys, open_sealed, seal
from services.settings import Settings
from services.tables import Sheet, show
from services.tenant_view import tenant_view
from services.wiring import reading, workflow_settings, writing
from services.workflows.detail import detailed, sealed_in
from services.workflows.git import BranchUnknown, ProjectUnusable, check_branch
from services.workflows.loading import WorkflowUnknown, check_name, load_workflow, workflows_of
from services.workflows.projects import check_links

INPUT_BYTES_MAX: Final = 64 * 1024
_ENDED: Final = (
    WorkflowRunStatus.COMPLETED,
    WorkflowRunStatus.FAILED,
    WorkflowRunStatus.CANCELLED,
)
_LOOK_SECONDS: Final = 0.2
project_option: Callable[[Any], Any] = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder of the config project, committed or not.  [default: WORKFLOW_DIR]",
)


@click.group()
def workflow() -> None:
    """Workflows of a config project."""
    configure_logging("cli", level="warning")


@workflow.command(name="check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@project_option
@json_option
def check_command(names: tuple[str, ...], project: Path | None, as_json: bool) -> None:
    """Check workflows, all unless some are named; each mistake is a line: file, line, rule."""
    folder = _project(project)
    wanted = names or tuple(workflows_of(folder))
    if not wanted:
        raise click.ClickException(f"there is no workflows/*.yaml in {folder}")
    wrongs = [wrong for name in wanted for wrong in _wrongs(folder, name)]
    if as_json:
        print_json({"checked": wanted, "wrong": wrongs})
    else:
        for wrong in wrongs:
            click.echo("{file}:{line}: {rule}: {detail}".format(**wrong))
        click.echo(f"{len(wanted)} checked, {len(wrongs)} mistakes", err=True)
    if wrongs:
        raise SystemExit(1)


@workflow.command(name="graph")
@click.argument("name")
@project_option
def graph_command(name: str, project: Path | None) -> None:
    """Draw the tree of a workflow as Mermaid."""
    folder = _project(project)
    try:
        compiled = _load(folder, name)
    except (PlanInvalid, WorkflowUnknown) as wrong:
        raise click.ClickException(str(wrong)) from None
    click.echo(mermaid(compiled.plan), nl=False)


@workflow.command(name="run")
@click.argument("name")
@click.option("--input", "given", default="{}", help="JSON, or @ and the name of a file with it.")
@click.option("--branch", default=None, help="Of the config project.  [default: production's]")
@click.option("--organization", default=None, help="FHIR requests go below this organisation.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until it has ended.")
@tenant_option
@data_dir_option
@json_option
def run_command(
    name: str,
    given: str,
    branch: str | None,
    organization: str | None,
    wait: bool,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Run a workflow, and show what each activity came to; exit code 1 when it did not complete."""
    try:
        check_name(name)
        if branch is not None:
            check_branch(branch)
    except (WorkflowUnknown, BranchUnknown) as wrong:
        raise click.ClickException(str(wrong)) from None
    command: dict[str, Any] = {
        "workflow": name,
        "branch": branch,
        "tenant_organization_id": organization,
    }
    settings = settings_with(data_dir)
    found = run(_run(settings, tenant, _json(given), command, wait=wait))
    if not isinstance(found, WorkflowRunDetail):
        print_json({"workflow_run_id": found}) if as_json else click.echo(found)
        return
    print_json(found) if as_json else _show(found)
    if found.status is not WorkflowRunStatus.COMPLETED:
        raise SystemExit(1)


def _project(named: Path | None) -> Path:
    try:
        folder = named or workflow_settings(settings_with()).workflow_dir
    except CannotRun as wrong:
        raise click.ClickException(str(wrong)) from None
    if not folder.is_dir():
        raise click.ClickException(
            f"there is no config project at {folder}: name it with --project or WORKFLOW_DIR"
        )
    return folder


def _load(folder: Path, name: str) -> Compiled:
    return load_workflow(folder, name, workflow_settings(settings_with()).built_in_dir)


def _wrongs(folder: Path, name: str) -> list[dict[str, Any]]:
    try:
        check_links(folder)
        _load(folder, name)
    except PlanInvalid as invalid:
        return [wrong._asdict() for wrong in invalid.wrongs]
    except (WorkflowUnknown, ProjectUnusable) as wrong:
        rule = "file" if isinstance(wrong, WorkflowUnknown) else "path"
        return [{"file": f"workflows/{name}.yaml", "line": 1, "rule": rule, "detail": str(wrong)}]
    return []


def _json(given: str) -> str:
    text = given
    if given.startswith("@"):
        path = given.removeprefix("@")
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
    try:
        decoded = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as wrong:
        raise click.ClickException(f"--input is no JSON object: {wrong}") from None
    encoded = msgspec.json.encode(decoded).decode()
    if len(encoded.encode()) > INPUT_BYTES_MAX:
        raise click.ClickException(f"--input has more than {INPUT_BYTES_MAX} bytes")
    return encoded


async def _run(
    settings: Settings, tenant: str, given: str, fields: dict[str, Any], *, wait: bool
) -> WorkflowRunDetail | str:
    run_id = WorkflowRunId(from_uuid("wfr", uuid.uuid4()))
    async with writing(settings) as wired:
        subject = naming.workflow_run_subject(run_id)
        keys = await make_keys(wired.pool, tenant, [subject])
        command = RequestWorkflowRun(
            workflow_run_id=run_id, input=seal(keys, tenant, subject, given), **fields
        )
        outcome = await wired.executor.execute(
            Envelope(tenant=tenant, command=command, actor="cli", correlation_id=run_id)
        )
        if isinstance(outcome, Refused):
            raise CannotRun(outcome.detail)
        if not wait:
            return run_id
        async with reading(settings) as reader:
            return await _ended(wired.pool, reader, tenant, run_id)


async def _ended(
    pool: asyncpg.Pool, reader: asyncpg.Pool, tenant: str, run_id: str
) -> WorkflowRunDetail:
    """The run once it has ended, however long that takes: somebody is there to interrupt it."""
    while True:
        async with tenant_view(reader, tenant, readonly=True) as connection:
            found = await find_workflow_run(connection, run_id)
        if found is not None and found.summary.status in _ENDED:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    sealed = sealed_in(found)
    subjects = [each.subject for each in sealed if each is not None]
    keys = await find_keys(pool, tenant, subjects)
    texts = [None if each is None else open_sealed(keys, tenant, each) for each in sealed]
    return detailed(found, texts)


def _show(found: WorkflowRunDetail) -> None:
    title = f"{found.workflow_run_id}: {found.status.value}"
    sheet = Sheet("activity", "status", "attempts", "output", title=title, folds=("output",))
    for step in found.steps:
        output = "" if step.output is None else msgspec.json.encode(step.output).decode()
        said = (
            step.condition or output or (f"{step.output_bytes} bytes" if step.output_bytes else "")
        )
        sheet.add(step.activity, step.status.value, str(step.attempts or ""), said)
    show(sheet if found.steps else title)
    if found.code:
        click.echo(f"{found.code}: {found.detail}")
