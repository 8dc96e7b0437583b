"""The relay signs checkpoints, and they are on the bus, in the object store and at an address."""

import asyncio

from relay.checkpoints import publish_checkpoint
from relay.connection import Client
from relay.jetstream import StreamSettings
from services.adapters.checkpoint_posts import posted_to
from services.adapters.outbound import Outbound
from services.audit.checker import open_checkpoint
from services.audit.publishing import Publishing, in_objects, latest_in, on_bus
from services.audit.signer import Pace
from services.relay_process import Signing, serve_relay
from services.wiring import object_store
from tests.fixtures.audited import HEAD, AuditedLedger
from tests.fixtures.http_server import Asked, Reply, http_server
from tests.fixtures.signing import SEED
from tests.fixtures.streams import stored
from tests.fixtures.waiting import until


async def test_a_checkpoint_goes_wherever_it_is_kept(
    audited: AuditedLedger, client: Client, streams: StreamSettings
) -> None:
    """One address does not answer at first."""
    objects = object_store(audited.database.objects.as_uri())
    refusals = iter((Reply(503), None))

    def answer(asked: Asked) -> Reply | None:
        return next(refusals, Reply(200))

    with http_server(answer) as server:
        async with Outbound(f"{server.url}/keep", setting="TEST") as outbound:
            places = [on_bus(client, streams), in_objects(objects), posted_to(outbound, server.url)]
            publishing = Publishing(places, again_seconds=0.01)
            stopping = asyncio.Event()
            pool = await audited.database.pool("daybook_sequencer", size_max=8)
            signing = Signing(SEED, Pace(3_600, 1), latest_in(objects), publishing)
            relay = asyncio.create_task(
                serve_relay(
                    pool,
                    client,
                    streams,
                    owner="test",
                    lease_seconds=10,
                    stopping=stopping,
                    signing=signing,
                )
            )
            key = (await audited.key()).public

            async def is_everywhere() -> bool:
                posted = [asked.body for asked in server.asked[-1:]]
                on_bus = [message.payload for message in await stored(client, streams.checkpoints)]
                kept = [await latest_in(objects)(key.name.partition("/")[2])]
                newest = [notes[-1] for notes in (posted, on_bus, kept) if notes and notes[-1]]
                sizes = [open_checkpoint(note, key).size for note in newest]
                # The ledger's waiting command is sequenced by this relay.
                return sizes == [HEAD + 1] * 3

            await until(is_everywhere)
            stopping.set()
            await relay
    assert {asked.path for asked in server.asked} == {"/keep"}


async def test_a_checkpoint_that_is_sent_again_is_on_the_bus_once(
    client: Client, streams: StreamSettings
) -> None:
    for _ in range(2):
        await publish_checkpoint(client, streams, b"note", "log_1/7")
    assert [message.payload for message in await stored(client, streams.checkpoints)] == [b"note"]
