"""Send CloudEvents to the intake from files: JSON Lines of events, or FHIR bundles."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from contracts.cloudevent import CloudEvent, NotACloudEvent, from_structured, to_nats_binary
from relay.connection import Client, connect
from relay.jetstream import StreamSettings
from relay.producer import Outgoing, send
from services.intake.fhir import BundleReading, read_files
from services.locate import Servers


class Line(NamedTuple):
    """A line of a file that holds no CloudEvent, and why."""

    where: str
    problem: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, and what could not be read and was not."""

    sent: int
    problems: tuple[str, ...] = ()


def outgoing(tenant: str, event: CloudEvent, settings: StreamSettings) -> Outgoing:
    """The NATS message of an event, on the tenant's intake subject."""
    headers, payload = to_nats_binary(event)
    return settings.subject(f"intake.{tenant}.{event.type}"), headers, payload


def read_lines(paths: Iterable[Path]) -> Iterator[CloudEvent | Line]:
    """The CloudEvents of JSON Lines files; a line that has none is named, an empty one skipped."""
    for path in paths:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield from_structured(line)
                except NotACloudEvent as invalid:
                    yield Line(f"{path}:{number}", str(invalid))


@asynccontextmanager
async def producer(servers: Servers, tenant: str) -> AsyncIterator["Producer"]:
    """Connected as the tenant's own producer where there is such a user."""
    url = servers.nats_producer_urls.get(tenant, servers.nats_url)
    client = await connect(url, name="daybook intake")
    try:
        yield Producer(client, tenant)
    finally:
        await client.close()


class Producer:
    """Sends events of one tenant."""

    def __init__(self, client: Client, tenant: str, prefix: str = "") -> None:
        self._client = client
        self._tenant = tenant
        self._settings = StreamSettings(prefix=prefix)

    async def send_lines(self, paths: Iterable[Path]) -> Sent:
        """Send what the files hold; lines that hold no CloudEvent are named and left out."""
        problems: list[str] = []

        def readable() -> Iterator[CloudEvent]:
            for line in read_lines(paths):
                if isinstance(line, Line):
                    problems.append(f"{line.where}: {line.problem}")
                else:
                    yield line

        sent = await self.send(readable())
        return Sent(sent=sent, problems=tuple(problems))

    async def send_bundles(self, paths: Iterable[Path]) -> Sent:
        """Send what FHIR bundles mean; whatever in them cannot be read is named and left out."""
        problems: list[str] = []

        def readable() -> Iterator[CloudEvent]:
            for reading in read_files(paths):
                problems.extend(_problems(reading))
                yield from reading.messages

        sent = await self.send(readable())
        return Sent(sent=sent, problems=tuple(problems))

    async def send(self, events: Iterable[CloudEvent]) -> int:
        """Send events; returns how many are stored."""
        return await send(
            self._client, (outgoing(self._tenant, event, self._settings) for event in events)
        )


def _problems(reading: BundleReading) -> list[str]:
    return [f"{reading.source}: {problem}" for problem in reading.problems]
