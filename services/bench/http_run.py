"""A load of HTTP requests is run, and what came of it becomes figures."""

import asyncio
import sys

import msgspec

from services.bench.figures import Figure
from services.bench.http_load import Came, Load


def figures_of(name: str, came: Came) -> list[Figure]:
    """The rate and two waiting times of a load."""
    return [
        Figure(name=name, value=came.per_second, unit="req/s"),
        Figure(name=f"{name}, p50", value=came.p50_seconds * 1000, unit="ms"),
        Figure(name=f"{name}, p99", value=came.p99_seconds * 1000, unit="ms"),
    ]


async def run(load: Load, expected: int) -> Came:
    """Run a load in a process of its own; raises RuntimeError for any other status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.bench.http_load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(msgspec.json.encode(load))
    came = msgspec.json.decode(answer, type=Came)
    if set(came.statuses) != {expected}:
        raise RuntimeError(f"{load.paths[0]} answered {came.statuses}, not {expected} alone")
    return came
