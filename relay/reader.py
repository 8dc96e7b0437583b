"""Whoever keeps a checkpoint reads here: a stream in its order, nothing to acknowledge."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from nats.aio.msg import Msg

from relay.connection import Client
from relay.consumer import (
    BATCH_MAX,
    BUFFERED_BATCHES,
    NANOSECONDS,
    WAIT_SECONDS,
    Delivery,
    consumer_sequence,
    create_consumer,
    delivery_of,
    until_it_works,
)
from relay.pull import ConsumerLost, Pull, open_pull

# A consumer that nobody asks for so long is removed by the server.
FORGOTTEN_SECONDS: Final = 300

_log = structlog.get_logger()


@asynccontextmanager
async def ordered_feed(
    client: Client,
    stream: str,
    *,
    after: int,
    batch_max: int = BATCH_MAX,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncIterator["OrderedFeed"]:
    """Batches of a stream in its order, of what stands after a position; without acknowledgement.

    Nothing between server and reader is lost, doubled or out of order. What the stream itself does
    not hold is missing: positions within a batch are dense, between batches the reader checks.
    """
    async with open_pull(client, BUFFERED_BATCHES * batch_max) as pull:
        yield OrderedFeed(client, pull, stream, after, batch_max, wait_seconds)


class OrderedFeed:
    """See `ordered_feed`."""

    def __init__(
        self,
        client: Client,
        pull: Pull,
        stream: str,
        after: int,
        batch_max: int,
        wait_seconds: float,
    ) -> None:
        self._client = client
        self._pull = pull
        self._stream = stream
        self._after = after
        self._batch_max = batch_max
        self._wait_seconds = wait_seconds
        self._consumer = ""
        self._delivered = 0

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        """Batches for ever, none of them empty, each dense in its positions."""
        await self._start()
        while True:
            try:
                messages = await self._pull.take(self._batch_max, self._wait_seconds)
                for batch in self._dense(messages):
                    self._after = batch[-1].sequence
                    yield batch
            except ConsumerLost as lost:
                _log.warning("consumer lost", stream=self._stream, reason=str(lost))
                await self._start()

    def _dense(self, messages: Sequence[Msg]) -> Iterable[list[Delivery]]:
        batch: list[Delivery] = []
        for message in messages:
            self._delivered += 1
            delivery = delivery_of(message)
            if consumer_sequence(message) != self._delivered:
                yield from [batch] if batch else []
                raise ConsumerLost(f"delivery {self._delivered} did not arrive")
            if batch and delivery.sequence != batch[-1].sequence + 1:
                yield batch
                batch = []
            batch.append(delivery)
        if batch:
            yield batch

    async def _start(self) -> None:
        await until_it_works(self._ensure, f"after {self._after}")
        self._delivered = 0
        await self._pull.use(self._stream, self._consumer)

    async def _ensure(self) -> None:
        created = await create_consumer(
            self._client,
            self._stream,
            {
                "ack_policy": "none",
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": self._after + 1,
                "inactive_threshold": FORGOTTEN_SECONDS * NANOSECONDS,
                "mem_storage": True,
                "num_replicas": 1,
            },
        )
        self._consumer = created.name
