"""Rebuilding beside the live tables: equal to what grew there, compared, switched at once."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from projections.builds import builds
from projections.general_ledger_queries import trial_balance
from projections.projection import REGISTRY, Poison, projection_named
from projections.rebuild import Comparison, Rebuilt, rebuild
from services.projector.rebuilding import NothingToRollBackTo, rebuild_projection, roll_back
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels, make_poison, written_down

LOG = history(23, 200)
END = len(LOG)
LEDGER = projection_named("general_ledger")
TENANTS = (
    "SELECT DISTINCT tenant FROM read.account_balances",
    "SELECT DISTINCT tenant FROM read_account_balances_v3_b2.account_balances",
)


async def rebuilt(read_models: ReadModels, name: str) -> Rebuilt:
    return await rebuild_projection(read_models.pool, name, owner="test", lease_seconds=5)


async def test_a_rebuild_equals_what_grew_batch_by_batch(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    for projection in REGISTRY:
        async with read_models.follower(projection) as follower:
            for start in range(0, END, 17):
                await follower.receive(LOG[start : start + 17])
        grown = await read_models.live(projection)
        report = await rebuilt(read_models, projection.name)
        assert report.shown
        assert report.comparison.differences == ()
        has_rows = any((await read_models.contents(grown)).values())
        assert (report.comparison.sums > 0) == has_rows
        assert report.comparison.position == END
        live = await read_models.live(projection)
        assert (live.build, live.checkpoint) == (grown.build + 1, END)
        assert await read_models.contents(live) == await read_models.contents(grown)


async def test_a_difference_is_reported_and_the_log_is_believed(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    await read_models.catch_up(END)
    [(tenant, currency)] = await read_models.admin.fetch(
        "UPDATE read.invoices SET outstanding_minor = outstanding_minor + 7"
        " WHERE drafted_position = (SELECT min(drafted_position) FROM"
        " read.invoices WHERE status <> 'paid') RETURNING tenant, currency"
    )
    report = await rebuilt(read_models, "invoices")
    found = {(item.tenant, item.currency, item.measure) for item in report.comparison.differences}
    assert found == {(tenant, currency, "outstanding"), (tenant, "", "content of invoices")}
    [outstanding] = [
        item for item in report.comparison.differences if item.measure == "outstanding"
    ]
    assert outstanding.live is not None
    assert outstanding.live - 7 == outstanding.rebuilt
    again = await rebuilt(read_models, "invoices")
    assert again.comparison.differences == ()


async def test_what_is_not_approved_is_not_shown_and_can_be_later(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await read_models.catch_up(END)

    async def refuse(_comparison: Comparison) -> bool:
        return False

    report = await rebuild_projection(
        read_models.pool, "payments", owner="test", lease_seconds=5, approve=refuse
    )
    assert not report.shown
    assert (await read_models.live(projection_named("payments"))).build == 1
    report = await rebuilt(read_models, "payments")
    assert report.shown
    assert report.comparison.build == 2


async def test_the_build_before_is_kept_for_a_rollback_and_the_one_before_that_is_dropped(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:100])
    await read_models.catch_up(100)
    with pytest.raises(NothingToRollBackTo):
        await roll_back(read_models.pool, LEDGER.name, owner="test", lease_seconds=5)
    await rebuilt(read_models, LEDGER.name)
    await rebuilt(read_models, LEDGER.name)
    await read_models.write_log(LOG[100:])
    await read_models.catch_up(END, [LEDGER])
    async with read_models.pool.acquire() as connection:
        stages = [(b.build, b.stage) for b in await builds(connection) if b.name == LEDGER.name]
    assert stages == [(2, "retired"), (3, "live")]
    before = await read_models.contents(await read_models.live(LEDGER))
    report = await roll_back(read_models.pool, LEDGER.name, owner="test", lease_seconds=5)
    live = await read_models.live(LEDGER)
    assert (report.comparison.differences, live.build, live.checkpoint) == ((), 2, END)
    assert await read_models.contents(live) == before


async def test_a_rebuild_while_the_log_grows_shows_no_gap_and_no_mixture(
    read_models: ReadModels,
) -> None:
    log = history(5, 900)
    await read_models.write_log(log[:200])
    await read_models.catch_up(200, [LEDGER])
    live = await read_models.live(LEDGER)
    readings: list[int] = []

    async def read() -> None:
        while True:
            async with read_models.reader("demo") as connection:
                books = await trial_balance(connection)
            assert {total.balance.strip("0.") for total in books.totals.values()} <= {""}
            readings.append(books.position)
            await asyncio.sleep(0)

    async def write() -> None:
        async with read_models.follower(LEDGER, live) as owner:
            for start in range(200, len(log), 10):
                await read_models.write_log(log[start : start + 10])
                await owner.receive(log[start : start + 10])

    reading = asyncio.create_task(read())
    _, report = await asyncio.gather(write(), rebuilt(read_models, LEDGER.name))
    await read_models.catch_up(len(log), [LEDGER])
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    assert report.comparison.differences == ()
    assert readings == sorted(readings)
    assert len(set(readings)) > 3
    shown = await read_models.live(LEDGER)
    assert shown.build == 2
    async with read_models.pool.acquire() as connection:
        old = next(b for b in await builds(connection) if (b.name, b.build) == (LEDGER.name, 1))
    assert old.checkpoint == len(log)  # its owner went on beside it
    assert await read_models.contents(shown) == await read_models.contents(old)


async def test_a_rebuild_that_meets_poison_leaves_the_live_build_as_it_was(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    projection = written_down(Poison.HALT)
    await make_poison(read_models)
    await read_models.catch_up(60, [projection])
    await make_poison(read_models, 50)
    build = await read_models.beside(projection)
    with pytest.raises(Exception, match="halted at position 50"):
        await rebuild(read_models.pool, projection, build, 1)
    live = await read_models.live(projection)
    assert (live.build, live.checkpoint, live.status) == (1, 60, "following")
    await make_poison(read_models)
    report = await rebuild(read_models.pool, projection, build, 2)
    assert (report.shown, report.checkpoint) == (True, 60)


async def test_a_new_version_may_have_other_columns(read_models: ReadModels) -> None:
    await read_models.write_log(LOG)
    await make_poison(read_models)
    await read_models.catch_up(END, [written_down(Poison.HALT)])
    newer = written_down(Poison.HALT, version=2)
    build = await read_models.beside(newer)
    report = await rebuild(read_models.pool, newer, build, 1)
    assert (report.comparison.live_version, report.comparison.version) == (1, 2)
    assert report.comparison.differences == ()
    assert (await read_models.live(newer)).version == 2


async def test_readers_reach_the_tables_through_the_views_and_see_their_tenant(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await read_models.catch_up(END)
    await rebuilt(read_models, "account_balances")
    for tenant in {item.tenant for item in LOG}:
        async with read_models.reader(tenant) as connection:
            for statement in TENANTS:
                assert [row["tenant"] for row in await connection.fetch(statement)] == [tenant]
    async with read_models.reader("") as connection:
        for statement in TENANTS:
            assert await connection.fetch(statement) == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM read.account_balances")
