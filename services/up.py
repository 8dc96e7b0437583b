"""The whole of Daybook on one machine: the embedded servers and our processes over them."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal

import asyncpg
import msgspec

from services.access.keys import local_key
from services.embedded.child import Child, OnReport
from services.embedded.ports import LOOPBACK, choose_ports
from services.embedded.probes import answers_http
from services.embedded.stack import EmbeddedStack, StackOptions, running_stack
from services.objects import store_url
from services.reach import reaching_postgres
from services.wiring import migrate

Auth = Literal["dev", "jwt"]
PROCESSES: Final = ("relay", "intake", "projector", "worker", "api")


@asynccontextmanager
async def everything(
    options: StackOptions,
    on_report: OnReport | None = None,
    environment: Mapping[str, str] = os.environ,
    auth: Auth = "dev",
) -> AsyncIterator[EmbeddedStack]:
    """Start the servers, migrate, start our processes; yield when all are ready.

    Our processes get the environment, with the addresses of this stack in it. With `jwt` callers
    need tokens: of the issuer that the environment names, or of this data directory's own key.
    """
    async with running_stack(options, on_report) as stack:
        url = stack.addresses.postgres_url
        with reaching_postgres(url):  # a given one may be away
            connection = await asyncpg.connect(url)
        try:
            await migrate(connection)
        finally:
            await connection.close()
        objects = store_url(environment.get("DAYBOOK_OBJECT_STORE", ""), stack.data_dir)
        ports = choose_ports(PROCESSES[::-1], remembered={}, usual=False)
        if auth == "dev":  # the API's port serves its metrics too
            ports["api"] = stack.api_port
        inherited = {
            **environment,
            **access_of(stack, auth, environment),
            "DAYBOOK_OBJECT_STORE": objects,
            "DAYBOOK_DATA_DIR": str(stack.data_dir.resolve()),
        }
        children = [_process(stack, name, ports[name], inherited) for name in PROCESSES]
        # The relay makes the streams that the others read.
        await stack.start(children[0])
        await stack.start(*children[1:])
        stack.announce(
            api_url=f"http://{LOOPBACK}:{stack.api_port}",
            object_store=objects,
            metrics={name: f"http://{LOOPBACK}:{ports[name]}/metrics" for name in PROCESSES},
        )
        yield stack


def _process(stack: EmbeddedStack, name: str, port: int, environment: Mapping[str, str]) -> Child:
    probe = (stack.api_port, "/health/live") if name == "api" else (port, "/metrics")

    async def ready() -> bool:
        return await answers_http(*probe)

    return Child(
        name=name,
        argv=(sys.executable, "-m", "services.cli.main", "serve", name),
        env={**environment, **_addresses(stack, name, port)},
        ready=ready,
        # A transaction that is under way may end before the process does.
        stop_seconds_max=15,
    )


def _addresses(stack: EmbeddedStack, name: str, port: int) -> dict[str, str]:
    addresses = stack.addresses
    return {
        "DAYBOOK_POSTGRES_URL": addresses.postgres_url,
        "DAYBOOK_NATS_URL": addresses.nats_url,
        "DAYBOOK_TEMPORAL_ADDRESS": addresses.temporal_address or "",
        "DAYBOOK_METRICS_PORT": "0" if port == stack.api_port else str(port),
        "DAYBOOK_API_PORT": str(stack.api_port),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def access_of(stack: EmbeddedStack, auth: Auth, given: Mapping[str, str]) -> dict[str, str]:
    """The settings that say who may call the API."""
    found: dict[str, str] = {"DAYBOOK_AUTH": auth}
    if auth == "jwt" and not (given.keys() & {"DAYBOOK_AUTH_JWKS_URL", "DAYBOOK_AUTH_KEY_FILE"}):
        found["DAYBOOK_AUTH_KEY_FILE"] = str(local_key(stack.data_dir))
    return found


def table_of_addresses(stack: EmbeddedStack) -> list[tuple[str, str]]:
    """What a person may want to open, with its address; no passwords."""
    addresses = stack.addresses
    rows = [
        ("API", addresses.api_url),
        ("API documentation", f"{addresses.api_url}/schema"),
        ("FHIR", f"{addresses.api_url}/fhir"),
        ("Temporal UI", addresses.temporal_ui),
        ("Temporal", addresses.temporal_address),
        ("NATS", _bare(addresses.nats_url)),
        ("NATS monitor", addresses.nats_monitor),
        ("Postgres", _bare(addresses.postgres_url)),
        ("Object store", addresses.object_store),
        ("Data and logs", str(stack.data_dir)),
    ]
    return [(name, address) for name, address in rows if address]


def _bare(url: str) -> str:
    """A URL without user and password; both are in the data directory's stack.json."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What `daybook up --json` prints once."""

    ready: bool
    addresses: dict[str, str]
    metrics: dict[str, str]
    """What Prometheus scrapes, by process."""
