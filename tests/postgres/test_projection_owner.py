"""One owner writes a build: crashes lose nothing, a stale owner writes nothing, poison halts it."""

import asyncpg
import msgspec
import pytest

from contracts.ids import InvoiceId
from projections.builds import resume
from projections.follow import AWAY, FenceLost, Halted
from projections.projection import REGISTRY, Poison, projection_named
from projections.recorded import Undecodable
from tests.fixtures.ledger_events import LedgerEvents
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import (
    ReadModels,
    make_poison,
    positions_written,
    written_down,
)

LOG = history(11, 120)
END = len(LOG)
LEDGER = projection_named("general_ledger")
INVOICES = projection_named("invoices")


async def test_a_crash_between_and_within_batches_loses_and_doubles_nothing(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await read_models.catch_up(END, [LEDGER])
    expected = await read_models.contents(await read_models.live(LEDGER))
    build = await read_models.beside(LEDGER)
    for stop in (40, 80):
        async with read_models.follower(LEDGER, build) as follower:
            await follower.receive(LOG[:stop])
            pid = follower._connection.get_server_pid()
            await read_models.admin.execute("SELECT pg_terminate_backend($1)", pid)
            with pytest.raises(AWAY):
                await follower.receive(LOG[stop : stop + 20])
    async with read_models.follower(LEDGER, build) as follower:
        assert follower.checkpoint == 80
        await follower.receive(LOG[:])
    assert await read_models.contents(build) == expected


async def test_an_owner_with_an_older_fence_writes_nothing(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    async with (
        read_models.follower(LEDGER, fence=4) as stale,
        read_models.follower(LEDGER, fence=5) as owner,
    ):
        await owner.receive(LOG[:30])
        before = await read_models.contents(owner.build)
        with pytest.raises(FenceLost):
            await stale.receive(LOG[:50])
        assert await read_models.contents(owner.build) == before
        await owner.receive(LOG[30:60])
        with pytest.raises(FenceLost):
            async with read_models.follower(LEDGER, fence=4):
                pass
        assert (await read_models.live(LEDGER)).checkpoint == 60


async def test_of_two_owners_with_one_fence_the_second_writes_nothing_again(
    read_models: ReadModels,
) -> None:
    """The fence does not tell them apart; the checkpoint, which one of them moved, does."""
    await read_models.write_log(LOG)
    async with (
        read_models.follower(LEDGER, fence=4) as one,
        read_models.follower(LEDGER, fence=4) as other,
    ):
        await one.receive(LOG[:30])
        before = await read_models.contents(one.build)
        with pytest.raises(FenceLost):
            await other.receive(LOG[:50])
        live = await read_models.live(LEDGER)
        assert (live.status, live.checkpoint) == ("following", 30)
        assert await read_models.contents(one.build) == before


async def test_a_poison_event_halts_a_balance_projection_exactly_there(
    read_models: ReadModels,
) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    for _ in range(40):
        ledger.charge(account)
    ledger.adjust(account, InvoiceId("inv_never_drafted"), 500)
    poison = len(ledger.recorded)
    ledger.issue(account, ledger.draft(account))
    await read_models.write_log(ledger.recorded)
    async with read_models.follower(INVOICES) as follower:
        with pytest.raises(Halted) as halted:
            await follower.receive(ledger.recorded)
    assert halted.value.position == poison
    state = await read_models.state("invoices")
    assert (state.status, state.halted_position, state.checkpoint) == ("halted", poison, poison - 1)
    assert state.error is not None
    assert "UnknownInvoice" in state.error
    # What it does not concern goes on.
    others = [projection for projection in REGISTRY if projection is not INVOICES]
    await read_models.catch_up(len(ledger.recorded), others)


@pytest.mark.parametrize("poison", [1, 2, 33, 64])
async def test_everything_before_the_poison_is_written_and_nothing_behind_it(
    read_models: ReadModels, poison: int
) -> None:
    await read_models.write_log(LOG)
    await make_poison(read_models, poison, 70)
    async with read_models.follower(written_down(Poison.HALT)) as follower:
        with pytest.raises(Halted):
            await follower.receive(LOG[:64])
        with pytest.raises(FenceLost):  # until it is resumed it writes nothing
            await follower.receive(LOG[poison:])
    assert await positions_written(read_models) == list(range(1, poison))


async def test_a_mended_projection_goes_on_when_it_is_resumed(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    await make_poison(read_models, 20)
    projection = written_down(Poison.HALT)
    async with read_models.follower(projection) as follower:
        with pytest.raises(Halted):
            await follower.receive(LOG)
        await make_poison(read_models)
        async with read_models.pool.acquire() as connection:
            assert await resume(connection, projection.name)
            assert not await resume(connection, projection.name)
        await follower.receive(LOG)
    assert await positions_written(read_models) == list(range(1, END + 1))


async def test_an_event_of_a_newer_release_halts_every_projection(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    unknown = Undecodable(reason="'billing.refund.issued.v9' is not in the catalogue")
    batch = [*LOG[:20], msgspec.structs.replace(LOG[20], event=unknown), *LOG[21:]]
    for projection in REGISTRY:
        async with read_models.follower(projection) as follower:
            with pytest.raises(Halted, match="refund"):
                await follower.receive(batch)
            assert follower.checkpoint == 20


async def test_a_body_that_does_not_decode_is_found_by_its_position(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await read_models.admin.execute("ALTER TABLE daybook.events DISABLE TRIGGER USER")
    await read_models.admin.execute(
        "UPDATE daybook.events SET body = '{}' WHERE (tenant, stream_id, version)"
        " = (SELECT tenant, stream_id, version FROM daybook.event_log WHERE position = 31)"
    )
    async with read_models.follower(LEDGER) as follower:
        with pytest.raises(Halted) as halted:
            await follower.catch_up(END)
    assert halted.value.position == 31


async def test_a_database_that_is_away_is_no_poison(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    async with read_models.follower(LEDGER) as follower:
        await follower._connection.execute("SET lock_timeout = '50ms'")
        async with read_models.admin.acquire() as other, other.transaction():
            await other.execute(
                "SELECT FROM read.projections WHERE name = 'general_ledger' FOR UPDATE"
            )
            with pytest.raises(asyncpg.LockNotAvailableError):
                await follower.receive(LOG)
        await follower.receive(LOG)
    assert (await read_models.state("general_ledger")).status == "following"


async def test_names_of_text_that_copy_reads_specially_are_kept(read_models: ReadModels) -> None:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    item = ledger.charge(account)
    odd = "K\\BL\tx\ny\rz"
    ledger.recorded[-1] = msgspec.structs.replace(
        item, event=msgspec.structs.replace(item.event, facility=odd)
    )
    await read_models.write_log(ledger.recorded)
    await read_models.catch_up(2, [LEDGER])
    facilities = await read_models.admin.fetch(
        "SELECT DISTINCT facility FROM read.general_ledger_entries"
    )
    assert [row["facility"] for row in facilities] == [odd]
