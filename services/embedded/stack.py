"""The whole stack on one machine: Postgres, NATS and Temporal as supervised children."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from services.embedded import nats, postgres, temporal
from services.embedded.addresses import (
    Addresses,
    GivenAddresses,
    forget_addresses,
    save_addresses,
)
from services.embedded.child import Child, ChildNotReady, OnReport
from services.embedded.data_dir import (
    hold_data_dir,
    make_data_dir,
    make_ephemeral_dir,
    remove_abandoned_dirs,
    remove_ephemeral_dir,
    using,
)
from services.embedded.lock import Lock
from services.embedded.ports import USUAL_PORTS, HeldPorts, choose_ports, is_free
from services.embedded.postgres_area import PostgresArea, find_area
from services.embedded.state import State, load_state, save_state
from services.embedded.supervisor import Supervisor

STARTS_MAX = 3


class StackOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stack runs."""

    data_dir: Path | None = None
    """None is ephemeral: a temporary folder that the stop removes, Temporal in memory."""
    durable: bool = True
    """False gives up flushing to disk: for tests only."""
    temporal: bool = True
    temporal_ui: bool = False
    usual_ports: bool = True
    """False draws free ports at once, so that many stacks run side by side."""
    api_port: int | None = None
    """Wanted for the API; another one is chosen when it is taken."""
    tenants: tuple[str, ...] = ("demo",)
    """Each gets a producer's user on NATS."""
    given: GivenAddresses = GivenAddresses()
    """Servers that run elsewhere: their embedded counterparts do not start."""


class EmbeddedStack:
    """A running stack; `running_stack` makes it."""

    def __init__(
        self, options: StackOptions, data_dir: Path, state: State, supervisor: Supervisor
    ) -> None:
        self.options = options
        self.data_dir = data_dir
        self.api_port = state.ports["api"]
        self._state = state
        self._supervisor = supervisor
        self._addresses = _addresses(options, state)

    @property
    def addresses(self) -> Addresses:
        """Where everything is."""
        return self._addresses

    def pids(self) -> dict[str, int]:
        """Every child that runs now, by name."""
        return self._supervisor.pids()

    async def start(self, *children: Child) -> None:
        """Start further children side by side; they stop before all that started earlier."""
        await self._supervisor.start(*children)

    def announce(
        self,
        *,
        api_url: str | None = None,
        object_store: str | None = None,
        metrics: Mapping[str, str] | None = None,
    ) -> None:
        """Let others find the stack, and what our processes add to it once they are up."""
        self._addresses = msgspec.structs.replace(
            self._addresses,
            api_url=api_url,
            object_store=object_store,
            metrics=dict(metrics or {}),
        )
        save_addresses(self.data_dir, self._addresses)

    async def start_temporal(self) -> str:
        """Start Temporal when the stack began without it; its address."""
        running = self._addresses.temporal_address
        if running is not None:
            return running
        await self._supervisor.start(_temporal_child(self.options, self.data_dir, self._state))
        address = temporal.temporal_address(self._state)
        self._addresses = msgspec.structs.replace(self._addresses, temporal_address=address)
        save_addresses(self.data_dir, self._addresses)
        return address


@asynccontextmanager
async def running_stack(
    options: StackOptions, on_report: OnReport | None = None
) -> AsyncIterator[EmbeddedStack]:
    """Start the servers, yield when all are ready, and stop them with all further children.

    Raises AlreadyRunning, ChildNotReady, DataDirUnusable, FileDamaged, NoFreePort, ProgramMissing,
    and for Postgres AreaUnusable, NoPlace, NoUnprivilegedUser, DataOfOtherVersion and
    InitialisationFailed: all are CannotRun.
    """
    async with AsyncExitStack() as undo:
        data_dir = await _held_data_dir(options, undo)
        area = await _held_area(options, data_dir, undo)
        held = HeldPorts()
        undo.callback(held.release)
        supervisor = Supervisor(data_dir, on_report)
        await asyncio.to_thread(supervisor.end_orphans)
        undo.push_async_callback(supervisor.stop)
        state = await _start_servers(options, data_dir, area, supervisor, held)
        if area:
            await postgres.create_database(state)
        stack = EmbeddedStack(options, data_dir, state, supervisor)
        undo.callback(forget_addresses, data_dir)
        stack.announce()
        yield stack


async def _held_data_dir(options: StackOptions, undo: AsyncExitStack) -> Path:
    if options.data_dir is None:
        await asyncio.to_thread(remove_abandoned_dirs)
        data_dir = make_ephemeral_dir(durable=options.durable)
        undo.callback(remove_ephemeral_dir, data_dir)
    else:
        with using(options.data_dir):
            data_dir = make_data_dir(options.data_dir)
    with using(data_dir):
        lock = await hold_data_dir(data_dir)
        undo.callback(lock.release)
        forget_addresses(data_dir)
    return data_dir


async def _held_area(
    options: StackOptions, data_dir: Path, undo: AsyncExitStack
) -> PostgresArea | None:
    if options.given.postgres_url is not None:
        return None
    area = await asyncio.to_thread(find_area, data_dir, ephemeral=options.data_dir is None)
    # A copied data directory leads to the same area elsewhere as the original.
    lock = await Lock(area.path).acquire()
    undo.callback(lock.release)
    return area


async def _start_servers(
    options: StackOptions,
    data_dir: Path,
    area: PostgresArea | None,
    supervisor: Supervisor,
    held: HeldPorts,
) -> State:
    """Start them, on other ports when somebody took one between our look and the server's."""
    for tries_left in reversed(range(STARTS_MAX)):
        state = _remembered(options, data_dir, held)
        children = await asyncio.to_thread(_servers, options, data_dir, state, area)
        try:
            await supervisor.start(*children)
        except ChildNotReady:
            await supervisor.stop()
            if tries_left == 0 or all(is_free(port) for port in state.ports.values()):
                raise
        else:
            return state
    raise AssertionError("the last try raises or returns")


def _remembered(options: StackOptions, data_dir: Path, held: HeldPorts) -> State:
    """Ports and secrets of last time where they are still good, saved before they are used."""
    state = load_state(data_dir).with_producers(options.tenants)
    wanted = state.ports | ({"api": options.api_port} if options.api_port else {})
    ports = choose_ports(
        tuple(USUAL_PORTS), remembered=wanted, usual=options.usual_ports, take=held.take
    )
    state = msgspec.structs.replace(state, ports=ports)
    save_state(data_dir, state)
    return state


def _servers(
    options: StackOptions, data_dir: Path, state: State, area: PostgresArea | None
) -> list[Child]:
    children = []
    if area:
        children.append(postgres.postgres_child(area, state, durable=options.durable))
    if options.given.nats_url is None:
        children.append(nats.nats_child(data_dir, state, durable=options.durable))
    if options.temporal and options.given.temporal_address is None:
        children.append(_temporal_child(options, data_dir, state))
    return children


def _temporal_child(options: StackOptions, data_dir: Path, state: State) -> Child:
    in_memory = options.data_dir is None
    return temporal.temporal_child(data_dir, state, in_memory=in_memory, ui=options.temporal_ui)


def _addresses(options: StackOptions, state: State) -> Addresses:
    given = options.given
    ours_nats = given.nats_url is None
    ours_temporal = options.temporal and given.temporal_address is None
    return Addresses(
        postgres_url=given.postgres_url or postgres.postgres_url(state),
        nats_url=given.nats_url or nats.nats_url(state),
        nats_producer_urls=nats.nats_producer_urls(state) if ours_nats else {},
        nats_monitor=nats.nats_monitor(state) if ours_nats else None,
        temporal_address=(
            temporal.temporal_address(state) if ours_temporal else given.temporal_address
        ),
        temporal_ui=temporal.temporal_ui(state) if ours_temporal and options.temporal_ui else None,
        pid=os.getpid(),
        started_at=datetime.now(UTC),
    )
