"""`just bench`: measure everything on an embedded, durable stack; `--quick` in under a minute."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

import asyncpg
import click
import msgspec
import psutil
import uvloop

from relay.connection import Client, connect
from relay.jetstream import StreamSettings, ensure_intake
from services.bench import http, workload
from services.bench.audit import bench_audit
from services.bench.bills import bench_bills
from services.bench.ceiling import ceiling
from services.bench.documents import bench_documents
from services.bench.encounters import bench_encounters
from services.bench.end_to_end import end_to_end
from services.bench.figures import MEMORY_TARGET, TARGETS, Figure, Run, machine, show
from services.bench.gl_export import bench_gl_export
from services.bench.intake import intake
from services.bench.projector import bench_projector
from services.bench.relay import bench_publisher, bench_sequencer
from services.bench.replay import replay
from services.bench.reports import bench_reports
from services.collector import tune_collector
from services.embedded.stack import EmbeddedStack, StackOptions, running_stack
from services.execute.executor import Executor
from services.logging import configure_logging
from services.sagas.worker import connect as connect_temporal
from services.up import PROCESSES, everything
from services.wiring import make_renderer, migrate, open_pool

_MEGABYTE: Final = 2**20


class Bench(NamedTuple):
    """What the parts are measured over."""

    writer: asyncpg.Pool
    auditor: asyncpg.Pool
    executor: Executor
    client: Client
    settings: StreamSettings
    stack: EmbeddedStack
    quick: bool

    def count(self, full: int) -> int:
        """How many to measure: a quick run takes a quarter."""
        return full // 4 if self.quick else full


Measure = Callable[[Bench], Awaitable[list[Figure]]]


@click.command()
@click.option("--quick", is_flag=True, help="Under a minute, with less to average over.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--only", multiple=True, help="Only the figure of this name; can be repeated.")
def main(quick: bool, as_json: bool, only: tuple[str, ...]) -> None:
    """Measure what Daybook does per second on this machine."""
    configure_logging("bench", level="error")
    tune_collector()  # as in the processes
    figures = uvloop.run(_run(quick, only))
    run = Run(machine=machine(), quick=quick, figures=tuple(figures))
    if as_json:
        sys.stdout.write(msgspec.json.encode(run).decode() + "\n")
    else:
        show(run)


async def _run(quick: bool, only: tuple[str, ...]) -> list[Figure]:
    """The parts over servers alone, then the whole with every process running."""
    figures: list[Figure] = []
    async with AsyncExitStack() as undo:
        stack = await undo.enter_async_context(running_stack(StackOptions(usual_ports=False)))
        await _migrate(stack)
        bench = await _open(stack, quick, undo)
        for name, measure in PARTS.items():
            if not only or name in only:
                figures += await measure(bench)
    if not only or "end to end" in only:
        async with AsyncExitStack() as undo:
            stack = await undo.enter_async_context(everything(StackOptions(usual_ports=False)))
            bench = await _open(stack, quick, undo)
            figures += [*await _end_to_end(bench), *await _replay(bench)]
    return _against_the_ceiling(figures)


async def _migrate(stack: EmbeddedStack) -> None:
    connection = await asyncpg.connect(stack.addresses.postgres_url)
    try:
        await migrate(connection)
    finally:
        await connection.close()


async def _open(stack: EmbeddedStack, quick: bool, undo: AsyncExitStack) -> Bench:
    url = stack.addresses.postgres_url
    writer = await open_pool(url, "daybook_writer", size_max=8)
    undo.push_async_callback(writer.close)
    auditor = await open_pool(url, "daybook_auditor", size_max=4)
    undo.push_async_callback(auditor.close)
    client = await connect(stack.addresses.nats_url, name="daybook bench")
    undo.push_async_callback(client.close)
    executor = await undo.enter_async_context(Executor(writer))
    settings = StreamSettings()
    await ensure_intake(client, settings)
    await workload.prepare(executor)
    return Bench(writer, auditor, executor, client, settings, stack, quick)


async def _ceiling(bench: Bench) -> list[Figure]:
    count = bench.count(40_000)
    figures = []
    for connections, first in ((1, 10_000_000), (2, 20_000_000)):
        value = await ceiling(bench.writer, first=first, count=count, connections=connections)
        name = f"ceiling, {connections} connection{'s' * (connections > 1)}"
        figures.append(Figure(name=name, value=value, unit="charges/s"))
    return figures


async def _intake(bench: Bench) -> list[Figure]:
    # The first run opens connections and prepares statements; the second is measured.
    for first, count in ((30_000_000, bench.count(4_000)), (31_000_000, bench.count(40_000))):
        value = await intake(
            bench.writer, bench.executor, bench.client, bench.settings, first=first, count=count
        )
    return [_figure("intake", value, "charges/s")]


async def _sequencer(bench: Bench) -> list[Figure]:
    value = await bench_sequencer(bench.stack.addresses.postgres_url)
    return [_figure("sequencer", value, "events/s")]


async def _publisher(bench: Bench) -> list[Figure]:
    value = await bench_publisher(bench.stack.addresses.postgres_url, bench.client)
    return [_figure("publisher", value, "events/s")]


async def _projector(bench: Bench) -> list[Figure]:
    value = await bench_projector(bench.stack.addresses.postgres_url)
    return [_figure("projector", value, "events/s")]


async def _reports(bench: Bench) -> list[Figure]:
    found = await bench_reports(bench.stack.addresses.postgres_url)
    return [
        _figure("ageing of 10,000 accounts, 100,000 open invoices", found.aging_today, "s"),
        Figure(name="the same as of a day 90 days ago", value=found.aging_earlier, unit="s"),
        Figure(name="revenue of a year, 5 facilities", value=found.revenue, unit="s"),
    ]


async def _replay(bench: Bench) -> list[Figure]:
    _, value = await replay(bench.auditor)
    return [_figure("replay", value, "events/s")]


async def _gl_export(bench: Bench) -> list[Figure]:
    found = await bench_gl_export(bench.stack.addresses.postgres_url, bench.count(1_000_000))
    return [
        _figure("gl export", found.entries_per_second, "entries/s"),
        Figure(name="gl export, memory on top", value=found.memory_bytes / _MEGABYTE, unit="MiB"),
    ]


async def _audit(bench: Bench) -> list[Figure]:
    found = await bench_audit(bench.stack.addresses.postgres_url, bench.count(80_000))
    return [
        Figure(name="replay of the same log", value=found.replay_per_second, unit="events/s"),
        _figure("audit of the log", found.log_per_second, "events/s"),
        Figure(
            name="its own processor time alone", value=found.log_per_cpu_second, unit="events/s"
        ),
        Figure(
            name="audit of the log, memory on top",
            value=found.log_memory_bytes / _MEGABYTE,
            unit="MiB",
        ),
        _figure("audit of everything", found.deep_per_second, "events/s"),
        Figure(
            name="its own processor time alone", value=found.deep_per_cpu_second, unit="events/s"
        ),
        Figure(
            name="audit of everything, memory on top",
            value=found.deep_memory_bytes / _MEGABYTE,
            unit="MiB",
        ),
    ]


async def _encounters(bench: Bench) -> list[Figure]:
    address = bench.stack.addresses.temporal_address or ""
    client = await connect_temporal(address, "default", bench.writer, asyncio.Event())
    if client is None:
        raise RuntimeError("the benchmark was stopped")
    found = await bench_encounters(
        client, bench.executor, bench.writer, first=40_000_000, count=bench.count(4_000)
    )
    return [_figure("encounters", found.encounters_per_second, "encounters/s")]


async def _bills(bench: Bench) -> list[Figure]:
    items = bench.count(50_000)
    costs = await bench_bills(bench.executor, bench.writer, items)
    last = f"of a bill of {items:,}"
    return [
        Figure(name="the first items of a bill, each added in", value=costs.first_added, unit="ms"),
        Figure(
            name=f"the last {last}, each added in",
            value=costs.last_added,
            unit="ms",
            target=TARGETS["bills"],
        ),
        Figure(name="the first answered in", value=costs.first_answered, unit="ms"),
        Figure(
            name=f"the last {last}, answered in",
            value=costs.last_answered,
            unit="ms",
            target=TARGETS["bills"],
        ),
        Figure(
            name="items of one bill that come together", value=costs.items_per_second, unit="/s"
        ),
    ]


async def _documents(_bench: Bench) -> list[Figure]:
    renderer = make_renderer()
    try:
        taken = await bench_documents(renderer.render)
    finally:
        await renderer.close()
    return [
        Figure(
            name=f"statement PDF of 200 lines, {language}",
            value=milliseconds,
            unit="ms",
            target=TARGETS["documents"],
        )
        for language, milliseconds in taken.items()
    ]


async def _http(bench: Bench) -> list[Figure]:
    await workload.prepare(bench.executor, http.TENANT)
    return await http.bench_http(bench.stack, seconds=2.0 if bench.quick else 5.0)


async def _end_to_end(bench: Bench) -> list[Figure]:
    found = await end_to_end(
        bench.auditor,
        bench.client,
        bench.settings,
        first=50_000_000,
        count=bench.count(60_000),
    )
    paced = f"at {found.paced_charges_per_second:,.0f} charges/s"
    return [
        _figure("end to end", found.charges_per_second, "charges/s"),
        Figure(name=f"lag p50 {paced}", value=found.lag_p50_seconds, unit="s"),
        Figure(name=f"lag p99 {paced}", value=found.lag_p99_seconds, unit="s"),
        *_memory(bench.stack),
    ]


def _memory(stack: EmbeddedStack) -> list[Figure]:
    """Resident memory of each process of ours, after the load."""
    pids = stack.pids()
    return [
        Figure(
            name=f"memory of {name}",
            value=psutil.Process(pids[name]).memory_info().rss / _MEGABYTE,
            unit="MiB",
            target=MEMORY_TARGET,
        )
        for name in PROCESSES
    ]


def _figure(name: str, value: float, unit: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, target=TARGETS[name])


def _against_the_ceiling(figures: list[Figure]) -> list[Figure]:
    """Charges per second beside the faster of the two raw ceilings."""
    raw = max((figure.value for figure in figures if "ceiling" in figure.name), default=0.0)
    return [
        msgspec.structs.replace(figure, of_ceiling=figure.value / raw)
        if raw and figure.unit == "charges/s"
        else figure
        for figure in figures
    ]


PARTS: Final[dict[str, Measure]] = {
    "ceiling": _ceiling,
    "intake": _intake,
    "sequencer": _sequencer,
    "publisher": _publisher,
    "projector": _projector,
    "gl export": _gl_export,
    "audit": _audit,
    "encounters": _encounters,
    "documents": _documents,
    "bills": _bills,
    "http": _http,
    "reports": _reports,
}

if __name__ == "__main__":
    main()
