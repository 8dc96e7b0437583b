"""A loop that goes on after faults ends all the same when it is cancelled."""

import asyncio

import asyncpg
import pytest

from relay.database import PASSING, raise_if_cancelled


async def until_cancelled(begun: asyncio.Event) -> None:
    """As a driver does it: what fails as the connection is given back hides the cancellation."""
    while True:
        try:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                raise asyncpg.InterfaceError("the connection is closed")
        except PASSING as fault:
            raise_if_cancelled(fault)


async def test_a_fault_in_the_place_of_a_cancellation_ends_the_task() -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(until_cancelled(begun))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_without_a_cancellation_it_goes_on() -> None:
    raise_if_cancelled(OSError("away"))


async def test_a_time_that_ran_out_is_no_cancellation() -> None:
    try:
        async with asyncio.timeout(0):
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("away")
    except OSError as fault:
        raise_if_cancelled(fault)
