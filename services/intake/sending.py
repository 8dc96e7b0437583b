"""Send CloudEvents to the intake from files: JSON Lines of events, or FHIR bundles."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from contracts.cloudevent import CloudEvent, NotACloudEvent, from_structured, to_nats_binary
from relay.connection import Client
from relay.jetstream import StreamSettings
from relay.producer import NotStored, Outgoing, send, too_large
from services.embedded.nats import producer_inbox
from services.intake.fhir import read_files
from services.locate import Servers
from services.reach import BUS_SECONDS_MAX, reach_bus

# A user that somebody else made may be allowed only what clients expect by themselves.
ANYBODYS_INBOX: Final = "_INBOX"
_TOKENS: Final = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")


class Line(NamedTuple):
    """A line of a file that holds no CloudEvent, and why."""

    where: str
    problem: str


class Located(NamedTuple):
    """A CloudEvent, and in which file and line it stands."""

    where: str
    event: CloudEvent


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, and what could not be read and was not."""

    sent: int
    problems: tuple[str, ...] = ()


def outgoing(tenant: str, event: CloudEvent, settings: StreamSettings) -> Outgoing:
    """The NATS message of an event, on the tenant's intake subject."""
    headers, payload = to_nats_binary(event)
    return settings.subject(f"intake.{tenant}.{event.type}"), headers, payload


def read_lines(paths: Iterable[Path]) -> Iterator[Located | Line]:
    """The CloudEvents of JSON Lines files; a line that has none is named, an empty one skipped."""
    for path in paths:
        try:
            with path.open("rb") as file:
                yield from _lines(path, file)
        except OSError as error:
            yield Line(str(path), f"cannot be read ({error.strerror})")


def _lines(path: Path, file: Iterable[bytes]) -> Iterator[Located | Line]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            yield Located(where, from_structured(line))
        except NotACloudEvent as invalid:
            yield Line(where, str(invalid))


@asynccontextmanager
async def producer(servers: Servers, tenant: str, *, prefix: str = "") -> AsyncIterator["Producer"]:
    """Connected as the tenant's own producer where there is such a user; raises Unreachable."""
    url = servers.nats_producer_urls.get(tenant)
    inbox = ANYBODYS_INBOX if url is None else producer_inbox(tenant)
    client = await reach_bus(
        url or servers.nats_url, name="producer", inbox=inbox, seconds_max=BUS_SECONDS_MAX
    )
    try:
        yield Producer(client, tenant, prefix)
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

        def readable() -> Iterator[Located]:
            for line in read_lines(paths):
                if isinstance(line, Line):
                    problems.append(f"{line.where}: {line.problem}")
                else:
                    yield line

        sent = await send(self._client, self._sendable(readable(), problems))
        return Sent(sent=sent, problems=tuple(problems))

    async def send_bundles(self, paths: Iterable[Path]) -> Sent:
        """Send what FHIR bundles mean; whatever in them cannot be read is named and left out."""
        problems: list[str] = []

        def readable() -> Iterator[Located]:
            for reading in read_files(paths):
                problems.extend(map(str, reading.problems))
                for message in reading.messages:
                    yield Located(reading.source, message)

        sent = await send(self._client, self._sendable(readable(), problems))
        return Sent(sent=sent, problems=tuple(problems))

    async def send(self, events: Iterable[CloudEvent]) -> int:
        """Send events; returns how many are stored. Raises NotStored."""
        return await send(self._client, map(self._outgoing, events))

    def _sendable(self, events: Iterable[Located], problems: list[str]) -> Iterator[Outgoing]:
        """Those that the server takes; the others are named."""
        for where, event in events:
            try:
                message = self._outgoing(event)
            except NotStored as unsendable:
                problems.append(f"{where}: {unsendable}")
            else:
                yield message

    def _outgoing(self, event: CloudEvent) -> Outgoing:
        if _TOKENS.fullmatch(event.type) is None:
            raise NotStored(f"message {event.id!r}: no subject can end in its type {event.type!r}")
        message = outgoing(self._tenant, event, self._settings)
        if problem := too_large(self._client, message):
            raise NotStored(f"message {event.id!r}: {problem}")
        return message
