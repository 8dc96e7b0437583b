"""The projector process, fed by Postgres: leases, two owners, halting alone, rebuilds under it."""

from projections.builds import resume
from projections.projection import REGISTRY, Poison, projection_named
from services.projector.rebuilding import rebuild_projection
from tests.fixtures.ledger_history import history
from tests.fixtures.projecting import projecting, until_at
from tests.fixtures.read_models import (
    Contents,
    ReadModels,
    make_poison,
    positions_written,
    written_down,
)
from tests.fixtures.waiting import until

LOG = history(41, 300)
END = len(LOG)
HALTING = written_down(Poison.HALT)


async def contents_in_order(read_models: ReadModels) -> dict[str, Contents]:
    """The contents of new tables that are filled beside, in order."""
    contents = {}
    for projection in REGISTRY:
        build = await read_models.beside(projection)
        async with read_models.follower(projection, build) as follower:
            await follower.catch_up(END)
        contents[projection.name] = await read_models.contents(build)
    return contents


async def live_contents(read_models: ReadModels) -> dict[str, Contents]:
    return {
        projection.name: await read_models.contents(await read_models.live(projection))
        for projection in REGISTRY
    }


async def test_it_keeps_up_without_a_stream_and_gives_its_leases_back(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:100])
    async with projecting(read_models):
        await until_at(read_models, 100)
        await read_models.write_log(LOG[100:])
        await until_at(read_models, END)
    held = await read_models.admin.fetchval(
        "SELECT count(*) FROM daybook.leases WHERE expires_at > clock_timestamp()"
    )
    assert held == 0
    assert await live_contents(read_models) == await contents_in_order(read_models)


async def test_of_two_processes_one_writes_and_the_other_takes_over(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:50])
    async with projecting(read_models, "two"):
        async with projecting(read_models, "one"):
            await until_at(read_models, 50)
            await read_models.write_log(LOG[50:150])
            await until_at(read_models, 150)
        await read_models.write_log(LOG[150:])
        await until_at(read_models, END)
        owners = await read_models.admin.fetch(
            "SELECT DISTINCT owner FROM daybook.leases WHERE expires_at > clock_timestamp()"
        )
        assert [row["owner"] for row in owners] == ["two"]
    assert await live_contents(read_models) == await contents_in_order(read_models)


async def test_a_process_that_dies_is_followed_by_another_when_its_lease_runs_out(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:50])
    async with projecting(read_models, "one"):
        await until_at(read_models, 50)
    # As a killed process leaves them: held, and by nobody that still runs.
    await read_models.admin.execute(
        "UPDATE daybook.leases SET owner = 'dead', expires_at = clock_timestamp() + '2 seconds'"
    )
    await read_models.write_log(LOG[50:])
    async with projecting(read_models, "two"):
        await until_at(read_models, END)
    assert await live_contents(read_models) == await contents_in_order(read_models)


async def test_a_halted_projection_stops_no_other_and_goes_on_when_it_is_resumed(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await make_poison(read_models, 77)
    async with projecting(read_models, registry=(*REGISTRY, HALTING)):
        await until_at(read_models, END)

        async def halted() -> bool:
            return (await read_models.state(HALTING.name)).halted_position == 77

        await until(halted)
        await make_poison(read_models)
        async with read_models.pool.acquire() as connection:
            await resume(connection, HALTING.name)
        await until_at(read_models, END, [HALTING.name])
    assert await positions_written(read_models) == list(range(1, END + 1))


async def test_a_process_moves_to_tables_that_were_rebuilt_under_it(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:200])
    async with projecting(read_models):
        await until_at(read_models, 200)
        report = await rebuild_projection(
            read_models.pool, "invoices", owner="cli", lease_seconds=5
        )
        assert report.comparison.differences == ()
        await read_models.write_log(LOG[200:])
        await until_at(read_models, END)
        live = await read_models.live(projection_named("invoices"))
        assert live.build == 2
    assert await live_contents(read_models) == await contents_in_order(read_models)


async def test_a_new_release_builds_its_tables_beside_and_shows_them(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG)
    await make_poison(read_models)
    async with projecting(read_models, "old", registry=[HALTING]):
        await until_at(read_models, END, [HALTING.name])
    newer = written_down(Poison.HALT, version=2)
    async with projecting(read_models, "new", registry=[newer]):

        async def newer_is_live() -> bool:
            return (await read_models.live(newer)).version == 2

        await until(newer_is_live)
        async with projecting(read_models, "old", registry=[HALTING]):
            await until_at(read_models, END, [HALTING.name])
    live = await read_models.live(HALTING)
    assert (live.version, live.stage, live.checkpoint) == (2, "live", END)


async def test_a_restart_of_postgres_sessions_interrupts_and_loses_nothing(
    read_models: ReadModels,
) -> None:
    await read_models.write_log(LOG[:100])
    async with projecting(read_models):
        await until_at(read_models, 100)
        for start, end in ((100, 150), (150, 200), (200, 250), (250, END)):
            await read_models.write_log(LOG[start:end])
            await read_models.admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'daybook_projector' AND datname = current_database()"
            )
        await until_at(read_models, END)
    assert await live_contents(read_models) == await contents_in_order(read_models)
