"""A worker of configured workflows alone, to be killed:
`python -m tests.workflows.configured_process JSON`."""

import asyncio
import sys

import msgspec

from services.adapters.postgres.pool import open_pool
from services.execute.executor import Executor
from services.sagas.configured import configured_activities
from services.sagas.worker import connect, workflows_workers
from services.workflows.code import Code
from services.workflows.settings import WorkflowSettings


class ConfiguredArguments(msgspec.Struct, frozen=True, kw_only=True):
    """Where its servers and its project are."""

    postgres_url: str
    temporal_address: str
    task_queue: str
    settings: WorkflowSettings


async def main() -> None:
    """Work until it is killed."""
    arguments = msgspec.json.decode(
        sys.argv[1],
        type=ConfiguredArguments,
        dec_hook=lambda kind, value: kind(value),
    )
    stopping = asyncio.Event()
    pool = await open_pool(arguments.postgres_url, "daybook_writer", size_max=6)
    client = await connect(arguments.temporal_address, "default", pool, stopping)
    assert client is not None, "nobody stops it"
    async with Executor(pool) as executor:
        activities = configured_activities(executor, pool, Code(arguments.settings), None)
        async with workflows_workers(client, activities, task_queue=arguments.task_queue):
            await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main())
