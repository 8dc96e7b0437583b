"""The API over HTTP: single commands by clients, against a bare handler."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from services.bench.figures import Figure
from services.bench.http_load import Came, Load
from services.bench.workload import CODES, CURRENCY, FACILITY, SERVICE_ON, account_ids
from services.embedded.ports import choose_ports
from services.embedded.probes import answers_http

TENANT: Final = "demo"
"""Whom anybody on this machine is with auth=dev."""
CLIENTS: Final = (1, 16, 64)
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
        for number, account_id in enumerate(account_ids(tenant=TENANT))
    )


async def bench_commands(postgres_url: str, nats_url: str, *, seconds: float) -> list[Figure]:
    """`POST /v1/charges` at 1, 16 and 64 clients, and the bare handler at 64."""
    bodies = charge_bodies()
    ports = choose_ports(("api", "bare"), remembered={}, usual=False)
    addresses = {
        "DAYBOOK_POSTGRES_URL": postgres_url,
        "DAYBOOK_NATS_URL": nats_url,
        "DAYBOOK_API_PORT": str(ports["api"]),
        "DAYBOOK_AUTH": "dev",
        "DAYBOOK_LOG_LEVEL": "error",
    }
    figures: list[Figure] = []
    async with _served((*_BARE, str(ports["bare"])), ports["bare"], {}):
        load = Load(
            port=ports["bare"],
            method="POST",
            path="/bare",
            bodies=bodies,
            clients=CLIENTS[-1],
            seconds=seconds,
        )
        bare = await run(load, 201)
    figures.append(Figure(name="bare handler, 64 clients", value=bare.per_second, unit="req/s"))
    async with _served(_PROGRAM, ports["api"], addresses):
        first = 0
        for clients in CLIENTS:
            load = Load(
                port=ports["api"],
                method="POST",
                path="/v1/charges",
                bodies=bodies,
                clients=clients,
                seconds=seconds,
                first=first,
                is_keyed=True,
            )
            came = await run(load, 201)
            first += came.requests + clients
            figures += figures_of(f"POST /v1/charges, {clients} clients", came)
    figures.append(
        Figure(
            name="single commands of the bare handler, 64 clients",
            value=came.per_second / bare.per_second,
            unit="ratio",
            target="≥ 0.35",
        )
    )
    return figures


def figures_of(name: str, came: Came) -> list[Figure]:
    """The rate and two waiting times of a load."""
    return [
        Figure(name=name, value=came.per_second, unit="req/s"),
        Figure(name=f"{name}, p50", value=came.p50_seconds * 1000, unit="ms"),
        Figure(name=f"{name}, p99", value=came.p99_seconds * 1000, unit="ms"),
    ]


async def run(load: Load, expected: int) -> Came:
    """Run a load in a process of its own; raises RuntimeError for any other status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.bench.http_load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(msgspec.json.encode(load))
    came = msgspec.json.decode(answer, type=Came)
    if set(came.statuses) != {expected}:
        raise RuntimeError(f"{load.path} answered {came.statuses}, not {expected} alone")
    return came


@asynccontextmanager
async def _served(argv: tuple[str, ...], port: int, env: Mapping[str, str]) -> AsyncIterator[None]:
    """A server in a process of its own, until the block ends."""
    process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **env})
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            while not await answers_http(port, "/health/live"):  # noqa: ASYNC110 # it tells nobody
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()
