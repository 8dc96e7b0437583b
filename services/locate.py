"""Find the servers: DAYBOOK_* addresses first, then the stack that runs on the data directory."""

import msgspec

from services.cannot_run import CannotRun
from services.embedded.addresses import find_running
from services.objects import store_url
from services.settings import Settings


class NothingRunning(CannotRun):
    """Neither addresses nor a running stack: says how to start one."""


class Servers(msgspec.Struct, frozen=True, kw_only=True):
    """Where a process finds what it works with."""

    postgres_url: str
    nats_url: str
    temporal_address: str | None
    api_url: str | None = None
    nats_producer_urls: dict[str, str] = {}
    nats_monitor: str | None = None
    temporal_ui: str | None = None
    object_store: str
    """Its URL; credentials come from the environment."""


def locate(settings: Settings) -> Servers:
    """The servers of this installation; raises NothingRunning and ObjectStoreUnusable."""
    if settings.postgres_url and settings.nats_url:
        return Servers(
            postgres_url=settings.postgres_url,
            nats_url=settings.nats_url,
            temporal_address=settings.temporal_address,
            object_store=store_url(settings.object_store, settings.data_dir),
        )
    running = find_running(settings.data_dir)
    if running is None:
        raise NothingRunning(
            f"nothing runs on {settings.data_dir}: start a stack with `daybook up`, name another "
            "one with --data-dir, or set DAYBOOK_POSTGRES_URL and DAYBOOK_NATS_URL"
        )
    return Servers(
        postgres_url=settings.postgres_url or running.postgres_url,
        nats_url=settings.nats_url or running.nats_url,
        temporal_address=settings.temporal_address or running.temporal_address,
        api_url=running.api_url,
        nats_producer_urls=running.nats_producer_urls,
        nats_monitor=running.nats_monitor,
        temporal_ui=running.temporal_ui,
        object_store=store_url(
            settings.object_store or running.object_store or "", settings.data_dir
        ),
    )
