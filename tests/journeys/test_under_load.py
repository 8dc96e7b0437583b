"""A running stack that takes messages without an end, while what may happen to it happens."""

import asyncio
import json
import os
import signal

import asyncpg

from projections.projection import REGISTRY
from services.up import PROCESSES
from tests.fixtures.command_line import command
from tests.fixtures.intake_load import Load
from tests.fixtures.whole_stack import WholeStack

RESTART_SECONDS_MAX = 60


async def test_every_read_model_is_rebuilt_while_messages_come_and_equals_the_log(
    whole_stack: WholeStack,
) -> None:
    beside = ("--json", "--data-dir", str(whole_stack.data_dir))
    # At a pace, or there is ever more to rebuild: it is about what comes meanwhile, 200 a second.
    load = Load(whole_stack, "rebuilt", batch=10, batches_per_second_max=20)
    async with load.going_on():
        await load.another(200)
        for projection in REGISTRY:
            sent = load.acknowledged
            done = await asyncio.to_thread(command, "rebuild", projection.name, *beside)
            assert done.exit_code == 0, done.stderr
            rebuilt = json.loads(done.stdout.splitlines()[-1])
            assert (rebuilt["shown"], rebuilt["comparison"]["differences"]) == (True, [])
            assert load.acknowledged > sent
    await whole_stack.caught_up()
    await load.check()
    verified = command("audit", "verify", "--deep", *beside)
    assert verified.exit_code == 0, verified.stdout


async def test_postgres_killed_under_load_comes_back_and_what_was_acknowledged_is_charged_once(
    whole_stack: WholeStack,
) -> None:
    before = {name: whole_stack.pid(name) for name in PROCESSES}
    load = Load(whole_stack, "outage")
    async with load.going_on():
        await load.another(500)
        await _kill_postgres(whole_stack)
        await load.another(500)
    await whole_stack.caught_up()
    await load.check()
    assert {name: whole_stack.pid(name) for name in PROCESSES} == before


async def _kill_postgres(stack: WholeStack) -> None:
    """Returns when the one that was started in its place answers."""
    killed = stack.pid("postgres")
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(RESTART_SECONDS_MAX):
        while True:
            now = stack.find("postgres")
            if now is not None and now.pid != killed and await _answers(stack):
                return
            await asyncio.sleep(0.05)


async def _answers(stack: WholeStack) -> bool:
    try:
        connection = await asyncpg.connect(stack.addresses.postgres_url)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
