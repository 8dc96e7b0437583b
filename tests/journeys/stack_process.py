"""A program that runs a stack until it is killed: `python stack_process.py DATA_DIR`."""

import asyncio
import sys
from pathlib import Path

import structlog

from services.embedded import StackOptions, running_stack

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


async def main() -> None:
    options = StackOptions(data_dir=Path(sys.argv[1]), usual_ports=False)
    async with running_stack(options) as stack:
        sys.stdout.write(f"{' '.join(str(pid) for pid in stack.pids().values())}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


asyncio.run(main())
