"""Where the servers of a stack are found, and how other commands find a running stack."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from services.embedded.lock import holder
from services.embedded.private import read_private, write_private

_MEND: Final = "stop the stack, if one runs, and start it again with `daybook up`"


class GivenAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """Servers that run elsewhere already; nothing embedded starts in their place."""

    postgres_url: str | None = None
    nats_url: str | None = None
    temporal_address: str | None = None


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of a running stack, with credentials where the server asks for them."""

    postgres_url: str
    """Superuser of the embedded server, or what was given."""
    nats_url: str
    """User with every right; producers have `nats_producer_urls`."""
    nats_producer_urls: dict[str, str] = {}
    """By tenant: may publish on `intake.<tenant>.>` and nothing else."""
    nats_monitor: str | None = None
    temporal_address: str | None = None
    temporal_ui: str | None = None
    api_url: str | None = None
    object_store: str | None = None
    metrics: dict[str, str] = {}
    """What Prometheus scrapes, by process of ours."""
    pid: int
    started_at: Annotated[datetime, msgspec.Meta(tz=True)]


def without_passwords(url: str) -> str:
    """The address without its secret, for messages and logs."""
    return re.sub(r"(?<=://)([^/@]*?):[^/@]*@", r"\1@", url)


def describe(addresses: Addresses) -> str:
    """One line for people, without passwords."""
    named = {
        "API": addresses.api_url,
        "Postgres": addresses.postgres_url,
        "NATS": addresses.nats_url,
        "Temporal": addresses.temporal_address,
        "Temporal UI": addresses.temporal_ui,
    }
    return ", ".join(f"{name} {without_passwords(url)}" for name, url in named.items() if url)


def lock_path(data_dir: Path) -> Path:
    """Held by the process that runs the stack."""
    return data_dir / "daybook.lock"


def save_addresses(data_dir: Path, addresses: Addresses) -> None:
    """Publish the addresses to the owner's other commands."""
    write_private(_path(data_dir), msgspec.json.encode(addresses) + b"\n")


def read_addresses(data_dir: Path) -> Addresses | None:
    """What the last stack that did not stop in order published; raises FileDamaged."""
    try:
        return read_private(_path(data_dir), Addresses, _MEND)
    except FileNotFoundError:
        return None


def forget_addresses(data_dir: Path) -> None:
    """The stack is no longer there to be found."""
    _path(data_dir).unlink(missing_ok=True)


def find_running(data_dir: Path) -> Addresses | None:
    """The stack that runs on this data directory; None when none does or it is still starting."""
    addresses = read_addresses(data_dir)
    # A stack that was killed leaves its file; only who holds the lock is running.
    running = addresses is not None and holder(lock_path(data_dir)) == addresses.pid
    return addresses if running else None


def _path(data_dir: Path) -> Path:
    return data_dir / "stack.json"
