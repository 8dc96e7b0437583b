"""Several things at once that end together."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def together(*parts: Coroutine[Any, Any, _Result]) -> list[_Result]:
    """What each comes to; the first fault ends the others, and is raised when they have ended."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
