"""What a command has to do with the books of the running stack, from connecting to the answer."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

import asyncpg

from services.cli.running import Answer, run, settings_with
from services.wiring import writing

Asked = ParamSpec("Asked")


def run_over_pool(
    data_dir: Path | None,
    work: Callable[Concatenate[asyncpg.Pool, Asked], Awaitable[Answer]],
    *args: Asked.args,
    **options: Asked.kwargs,
) -> Answer:
    """Run `work` over the pool of the write path; raises ClickException, as `run` does."""
    settings = settings_with(data_dir)

    async def working() -> Answer:
        async with writing(settings) as wired:
            return await work(wired.pool, *args, **options)

    return run(working())
