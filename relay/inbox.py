"""What has effects reads here: a durable consumer, acknowledged after the commit."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog
from nats import errors

from relay.connection import Client
from relay.consumer import (
    BATCH_MAX,
    BUFFERED_BATCHES,
    NANOSECONDS,
    WAIT_SECONDS,
    Delivery,
    create_consumer,
    delivery_of,
    find_consumer,
    until_it_works,
)
from relay.pull import ConsumerLost, Pull, open_pull

ACK_SECONDS_MAX: Final = 5.0

_log = structlog.get_logger()


class DurableConsumer(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer that the server remembers; several processes may share it."""

    stream: str
    name: str
    filter_subjects: tuple[str, ...] = ()
    ack_seconds: float = 30.0
    """A message that is not acknowledged by then is delivered again, to whoever asks."""
    unacknowledged_max: int = 20_000


@asynccontextmanager
async def durable_feed(
    client: Client,
    consumer: DurableConsumer,
    *,
    batch_max: int = BATCH_MAX,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncIterator["DurableFeed"]:
    """Batches of what nobody has acknowledged yet; what is not acknowledged comes again.

    The consumer is created when it is not there. When it was deleted, or its stream was, it begins
    at the start of the stream again: whoever reads must know what he has taken.
    """
    async with open_pull(client, BUFFERED_BATCHES * batch_max) as pull:
        yield DurableFeed(client, pull, consumer, batch_max, wait_seconds)


class DurableFeed:
    """See `durable_feed`."""

    def __init__(
        self,
        client: Client,
        pull: Pull,
        consumer: DurableConsumer,
        batch_max: int,
        wait_seconds: float,
    ) -> None:
        self._client = client
        self._pull = pull
        self._wanted = consumer
        self._batch_max = batch_max
        self._wait_seconds = wait_seconds

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        """Batches for ever, none of them empty."""
        await self._start()
        while True:
            try:
                messages = await self._pull.take(self._batch_max, self._wait_seconds)
            except ConsumerLost as lost:
                _log.warning("consumer lost", consumer=self._wanted.name, reason=str(lost))
                await self._start()
            else:
                yield [delivery_of(message) for message in messages]

    async def ack(self, messages: Sequence[Delivery]) -> None:
        """They are settled; returns when the server knows.

        When it does not answer they come again, which a reader must be prepared for anyway.
        """
        *before, last = messages
        try:
            await self._tell(before, b"+ACK")
            await self._client.request(last.reply, b"+ACK", timeout=ACK_SECONDS_MAX)
        except errors.Error as error:
            first, count = messages[0].sequence, len(messages)
            _log.warning("not acknowledged", first=first, count=count, error=repr(error))

    async def nak(self, messages: Sequence[Delivery], *, delay_seconds: float = 0.0) -> None:
        """Have them delivered again, after a while."""
        delay = msgspec.json.encode({"delay": int(delay_seconds * NANOSECONDS)})
        await self._try_to_tell(messages, b"-NAK " + delay)

    async def in_progress(self, messages: Sequence[Delivery]) -> None:
        """They are worked on: the time to acknowledge them begins anew."""
        await self._try_to_tell(messages, b"+WPI")

    async def _try_to_tell(self, messages: Sequence[Delivery], what: bytes) -> None:
        try:
            await self._tell(messages, what)
        except errors.Error as error:
            # They come again by themselves when their time is over.
            _log.warning("not told", what=what.decode(), count=len(messages), error=repr(error))

    async def _tell(self, messages: Iterable[Delivery], what: bytes) -> None:
        frames = [b"PUB %b %d\r\n%b\r\n" % (m.reply.encode(), len(what), what) for m in messages]
        if frames:
            await self._client.send(b"".join(frames))

    async def _start(self) -> None:
        await until_it_works(self._ensure, self._wanted.name)
        await self._pull.use(self._wanted.stream, self._wanted.name)

    async def _ensure(self) -> None:
        stream, name = self._wanted.stream, self._wanted.name
        config = {
            "durable_name": name,
            "ack_policy": "explicit",
            "ack_wait": int(self._wanted.ack_seconds * NANOSECONDS),
            "max_ack_pending": self._wanted.unacknowledged_max,
        }
        if self._wanted.filter_subjects:
            config["filter_subjects"] = list(self._wanted.filter_subjects)
        found = await find_consumer(self._client, stream, name)
        if found is None:
            _log.info("consumer created", stream=stream, consumer=name)
            await create_consumer(self._client, stream, {"deliver_policy": "all"} | config)
        elif found.config != found.config | config:
            await create_consumer(self._client, stream, found.config | config)
