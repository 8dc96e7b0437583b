"""However the log is delivered, each event is applied once and in order."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.builds import drop_build
from projections.follow import LogIncomplete
from projections.projection import REGISTRY, projection_named
from projections.recorded import Recorded
from tests.fixtures.bill_history import of_bills
from tests.fixtures.corrected_history import corrected
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import Contents, ReadModels

LOG = history(7, 160)
END = len(LOG)
LOGS = (LOG, corrected(), of_bills())
PAYMENTS = projection_named("payments")

slices = st.tuples(st.integers(0, END - 1), st.integers(1, 60), st.booleans())


def deliveries(plan: Sequence[tuple[int, int, bool]]) -> list[list[Recorded]]:
    """Slices of the log in any order, some of them back to front."""
    batches = [LOG[start : start + length] for start, length, _ in plan]
    return [
        batch[::-1] if backwards else batch
        for batch, (_, _, backwards) in zip(batches, plan, strict=True)
    ]


@pytest.fixture
async def in_order(read_models: ReadModels) -> dict[str, Contents]:
    await read_models.write_log(LOG)
    await read_models.catch_up(END)
    return {
        projection.name: await read_models.contents(await read_models.live(projection))
        for projection in REGISTRY
    }


@given(plan=st.lists(slices, min_size=1, max_size=8))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_gaps_doubles_and_disorder_end_in_the_same_tables(
    read_models: ReadModels,
    in_order: dict[str, Contents],
    plan: Sequence[tuple[int, int, bool]],
) -> None:
    for projection in REGISTRY:
        build = await read_models.beside(projection)
        async with read_models.follower(projection, build) as follower:
            for batch in deliveries(plan):
                await follower.receive(batch)
                assert follower.checkpoint >= max(item.position for item in batch)
            await follower.receive(LOG[-1:])
        assert await read_models.contents(build) == in_order[projection.name]
        async with read_models.pool.acquire() as connection:
            await drop_build(connection, build)


@pytest.mark.parametrize("log", LOGS, ids=["first", "corrected", "bills"])
async def test_where_batches_are_cut_changes_nothing(
    read_models: ReadModels, log: Sequence[Recorded]
) -> None:
    await read_models.write_log(log)
    await read_models.catch_up(len(log))
    for projection in REGISTRY:
        at_once = await read_models.contents(await read_models.live(projection))
        build = await read_models.beside(projection)
        async with read_models.follower(projection, build) as follower:
            for each in log:
                await follower.receive([each])
        assert await read_models.contents(build) == at_once, projection.name


async def test_what_comes_again_is_dropped_and_what_is_missing_is_read_from_postgres(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    async with read_models.follower(PAYMENTS) as follower:
        received = await follower.receive(LOG[:10])
        assert (received.applied, received.overlaps, received.gaps) == (10, 0, 0)
        received = await follower.receive(LOG[5:15])
        assert (received.applied, received.overlaps, received.gaps) == (5, 5, 0)
        received = await follower.receive(LOG[20:30] + LOG[20:25] + LOG[35:40])
        assert (received.applied, received.overlaps, received.gaps) == (25, 5, 2)
        assert follower.checkpoint == 40


async def test_a_stream_that_is_ahead_of_postgres_is_not_believed(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:10])
    async with read_models.follower(PAYMENTS) as follower:
        with pytest.raises(LogIncomplete):
            await follower.receive(LOG[20:30])
        assert follower.checkpoint == 10
    assert (await read_models.live(PAYMENTS)).checkpoint == 10
