"""The eventsourcing library's own test cases of a recorder, all of them, over the asyncpg recorder.

Stream ids are `<tenant>/<stream id>`, which the library allows for: its `new_originator_id` is
there to be overridden. Its optional case of subscriptions runs as well.
"""

from collections.abc import Iterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.tests import persistence as library

from services.embedded.addresses import Addresses
from tests.fixtures.bare_recorder import BareRecorder
from tests.fixtures.recorder_bridge import BridgedRecorder, LoopThread, bare_log


class OverABareLog:
    """What both of the library's cases need: an empty log for each test."""

    pool: asyncpg.Pool
    loop: LoopThread

    @pytest.fixture(autouse=True)
    def _bare_log(self, stack: Addresses) -> Iterator[None]:
        with bare_log(stack.postgres_url) as (self.pool, self.loop):
            yield

    def new_originator_id(self) -> UUID | str:
        return f"demo/{uuid4()}"


class TestStreams(OverABareLog, library.AggregateRecorderTestCase):
    """Streams alone."""

    def create_recorder(self) -> BridgedRecorder:
        return BridgedRecorder(BareRecorder(self.pool, in_order=False), self.loop)


class TestStreamsInOrder(OverABareLog, library.ApplicationRecorderTestCase[BridgedRecorder]):
    """Streams and the order over all of them."""

    def create_recorder(self) -> BridgedRecorder:
        return BridgedRecorder(BareRecorder(self.pool), self.loop)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()
