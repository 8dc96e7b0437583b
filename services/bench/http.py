"""The API over HTTP: single commands, batches and queries by clients, against a bare handler."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from services.bench import visits, workload
from services.bench.figures import Figure
from services.bench.http_bills import bench_items
from services.bench.http_load import Came, Load
from services.bench.http_run import figures_of, run
from services.bench.projector import projected
from services.bench.workload import CODES, CURRENCY, FACILITY, SERVICE_ON
from services.embedded.ports import choose_ports
from services.embedded.probes import answers_http
from services.embedded.stack import EmbeddedStack

TENANT: Final = visits.TENANT
CLIENTS: Final = (1, 16, 64)
BATCH: Final = 500
_BATCH_CLIENTS: Final = 4
_BATCH_BODIES: Final = 20
_QUERIED_EVENTS: Final = 60_000
_START_SECONDS_MAX: Final = 60
_PROGRAM: Final = (sys.executable, "-m", "services.cli.main", "serve", "api")
_BARE: Final = (sys.executable, "-m", "services.bench.bare")


def charge_bodies() -> tuple[str, ...]:
    """Bodies of charges over all accounts and codes; `{n}` is the number of the request."""
    return tuple(
        msgspec.json.encode(
            {
                "account_id": account_id,
                "facility": FACILITY,
                "code": f"C{number % CODES}",
                "system": "urn:bench",
                "quantity": 1 + number % 3,
                "service_date": SERVICE_ON,
                "currency": CURRENCY,
                "reference": "line {n}",
            }
        ).decode()
        for number, account_id in enumerate(workload.account_ids(tenant=TENANT))
    )


def batch_bodies(charges: tuple[str, ...]) -> tuple[str, ...]:
    """Bodies of batches of charges, each over other accounts and codes than the one before."""
    return tuple(
        '{"atomic":true,"charges":['
        + ",".join(charges[(first + at) % len(charges)] for at in range(BATCH))
        + "]}"
        for first in range(0, _BATCH_BODIES * BATCH, BATCH)
    )


async def bench_http(stack: EmbeddedStack, *, seconds: float) -> list[Figure]:
    """What each kind of request comes to; `seconds` for each load."""
    url = stack.addresses.postgres_url
    ports = choose_ports(("api", "bare"), remembered={}, usual=False)
    async with _served((*_BARE, str(ports["bare"])), ports["bare"], {}):
        bare = await run(
            Load(
                port=ports["bare"],
                method="POST",
                paths=("/bare",),
                bodies=charge_bodies(),
                clients=CLIENTS[-1],
                seconds=seconds,
            ),
            201,
        )
    figures = [Figure(name="bare handler, 64 clients", value=bare.per_second, unit="req/s")]
    async with _api(url, stack, ports["api"]):
        figures += await _commands(ports["api"], seconds, bare)
        figures += await bench_items(ports["api"], seconds)
    async with (
        projected(url, _QUERIED_EVENTS) as (of_visits, _),
        _api(of_visits, stack, ports["api"]),
    ):
        figures += await _queries(ports["api"], seconds)
    return figures


async def _commands(port: int, seconds: float, bare: Came) -> list[Figure]:
    """Single charges at so many clients, then batches of them."""
    charges = charge_bodies()
    figures, first = [], 0
    for clients in CLIENTS:
        load = Load(
            port=port,
            method="POST",
            paths=("/v1/charges",),
            bodies=charges,
            clients=clients,
            seconds=seconds,
            first=first,
            is_keyed=True,
        )
        came = await run(load, 201)
        first += came.requests + clients
        figures += figures_of(f"POST /v1/charges, {clients} clients", came)
    ratio = Figure(
        name="single commands of the bare handler, 64 clients",
        value=came.per_second / bare.per_second,
        unit="ratio",
        target="≥ 0.35",
    )
    load = Load(
        port=port,
        method="POST",
        paths=("/v1/charges:batch",),
        bodies=batch_bodies(charges),
        clients=_BATCH_CLIENTS,
        seconds=seconds,
        first=first,
        is_keyed=True,
    )
    came = await run(load, 201)
    name = f"POST /v1/charges:batch of {BATCH}, {_BATCH_CLIENTS} clients"
    batches = Figure(name=name, value=came.per_second * BATCH, unit="charges/s", target="≥ 4,000")
    return [*figures, ratio, batches, *figures_of(name, came)[1:]]


async def _queries(port: int, seconds: float) -> list[Figure]:
    """What applications ask most, about other accounts and invoices each time."""
    accounts = visits.account_ids()
    asked = {
        "/v1/accounts/{id}": [f"/v1/accounts/{id_}" for id_ in accounts],
        "/v1/accounts/{id}/ledger": [f"/v1/accounts/{id_}/ledger" for id_ in accounts],
        "/v1/invoices?account_id=": [f"/v1/invoices?account_id={id_}" for id_ in accounts],
        "/v1/invoices/{id}": [f"/v1/invoices/{visits.invoice_id_of(n)}" for n in range(2_000)],
    }
    figures = []
    for name, paths in asked.items():
        load = Load(
            port=port,
            method="GET",
            paths=tuple(paths),
            clients=CLIENTS[-1],
            seconds=seconds,
        )
        figures += figures_of(f"GET {name}, {CLIENTS[-1]} clients", await run(load, 200))
    return figures


@asynccontextmanager
async def _api(postgres_url: str, stack: EmbeddedStack, port: int) -> AsyncIterator[None]:
    """The API over a database, in a process of its own, until the block ends."""
    env = {
        "DAYBOOK_POSTGRES_URL": postgres_url,
        "DAYBOOK_NATS_URL": stack.addresses.nats_url,
        "DAYBOOK_DATA_DIR": str(stack.data_dir),
        "DAYBOOK_API_PORT": str(port),
        "DAYBOOK_AUTH": "dev",
        "DAYBOOK_LOG_LEVEL": "error",
    }
    async with _served(_PROGRAM, port, env):
        yield


@asynccontextmanager
async def _served(argv: tuple[str, ...], port: int, env: Mapping[str, str]) -> AsyncIterator[None]:
    """A server in a process of its own, until the block ends."""
    process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **env})
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            while not await answers_http(port, "/health/live"):  # it tells nobody
                if process.returncode is not None:
                    raise RuntimeError(f"{' '.join(argv)} ended with {process.returncode}")
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
