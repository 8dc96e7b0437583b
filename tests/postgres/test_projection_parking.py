"""A projection that may go on parks what it cannot apply, and behind it what has the same key."""

import pytest

from projections.parking import retry_parked
from projections.projection import Poison
from tests.fixtures.ledger_events import LedgerEvents
from tests.fixtures.read_models import (
    ReadModels,
    make_poison,
    positions_written,
    written_down,
)

PARKING = written_down(Poison.PARK)


def two_accounts() -> tuple[LedgerEvents, str]:
    """Accounts that take turns: odd positions are the first one's."""
    ledger = LedgerEvents()
    first, second = ledger.open_account("pat-1"), ledger.open_account("pat-2")
    for _ in range(10):
        ledger.charge(first)
        ledger.charge(second)
    return ledger, first.account_id


async def parked(read_models: ReadModels) -> list[tuple[int, bool]]:
    rows = await read_models.admin.fetch(
        "SELECT position, error IS NOT NULL FROM read.parked_events ORDER BY position"
    )
    return [(position, failed) for position, failed in rows]


async def retry(read_models: ReadModels, key: str) -> int:
    build = await read_models.live(PARKING)
    async with read_models.pool.acquire() as connection:
        return await retry_parked(connection, PARKING, build, "demo", key)


async def test_later_events_of_a_parked_key_queue_behind_it_and_others_go_on(
    read_models: ReadModels,
) -> None:
    ledger, _ = two_accounts()
    await read_models.write_log(ledger.recorded)
    await make_poison(read_models, 7)
    async with read_models.follower(PARKING) as follower:
        for start in (0, 5, 16):
            await follower.receive(ledger.recorded[start : start + 11])
    assert await positions_written(read_models) == [1, 2, 3, 4, 5, 6, *range(8, 23, 2)]
    assert await parked(read_models) == [(7, True), *((p, False) for p in range(9, 22, 2))]
    assert (await read_models.live(PARKING)).checkpoint == 22


async def test_what_is_parked_is_applied_in_order_once_it_is_mended(
    read_models: ReadModels,
) -> None:
    ledger, first = two_accounts()
    await read_models.write_log(ledger.recorded)
    await make_poison(read_models, 7)
    async with read_models.follower(PARKING) as follower:
        await follower.receive(ledger.recorded[:16])
        await make_poison(read_models, 11)
        with pytest.raises(ValueError, match="poison"):
            await retry(read_models, first)
        assert await parked(read_models) == [(11, False), (13, False), (15, False)]
        await follower.receive(ledger.recorded[16:20])  # it still queues behind what waits
        await make_poison(read_models)
        assert await retry(read_models, first) == 5
        assert await retry(read_models, first) == 0
        await follower.receive(ledger.recorded[20:])
    assert await parked(read_models) == []
    written = await positions_written(read_models)
    assert sorted(written) == list(range(1, 23))
    mine = [position for position in written if position % 2]
    assert mine == sorted(mine)


async def test_retrying_never_moves_the_checkpoint(read_models: ReadModels) -> None:
    ledger, first = two_accounts()
    await read_models.write_log(ledger.recorded)
    await make_poison(read_models, 7)
    async with read_models.follower(PARKING) as follower:
        await follower.receive(ledger.recorded[:12])
        await make_poison(read_models)
        await retry(read_models, first)
        assert (await read_models.live(PARKING)).checkpoint == 12
        await follower.receive(ledger.recorded[12:])
    assert len(await positions_written(read_models)) == 22
