"""Lanes: few commands share a transaction, many go side by side, those of a key in their order."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.execute.group import Group
from services.execute.job import Entry, Job
from services.execute.lanes import BATCH_MAX, Lanes
from tests.fixtures.waiting import until
from tests.fixtures.write_path import capture, envelope


def entry(place: int, commands: int = 1) -> Entry:
    command: Any = (
        capture() if commands == 1 else Group(commands=(capture(),) * commands, atomic=True)
    )
    sent = envelope(command)
    return Entry(sent, Job([sent]), place, None)


def places(entries: list[Entry]) -> list[int]:
    return [each.place for each in entries]


async def soon(lanes: Lanes, lane: int) -> asyncio.Task[list[Entry]]:
    """A lane that asks for work; what is at hand it has by now."""
    asking = asyncio.create_task(lanes.take(lane))
    await asyncio.sleep(0)
    return asking


async def test_few_commands_of_all_lanes_go_together_and_later_ones_with_the_next() -> None:
    lanes = Lanes(3)
    for place in range(20):
        lanes.put(lanes.lane_of(f"acc-{place}"), entry(place))
    assert sorted(places(await lanes.take(1))) == list(range(20))
    lanes.put(lanes.lane_of("acc-1"), entry(20))
    lanes.put(lanes.lane_of("acc-99"), entry(21))
    waiting = [await soon(lanes, lane) for lane in (0, 1, 2)]
    assert not any(task.done() for task in waiting)
    lanes.release(1)
    await asyncio.sleep(0)
    (done,) = [task for task in waiting if task.done()]
    assert sorted(places(done.result())) == [20, 21]
    for task in waiting:
        task.cancel()


async def test_many_commands_go_side_by_side_and_groups_count_what_they_hold() -> None:
    lanes = Lanes(3)
    for place in range(600):
        lanes.put(lanes.lane_of(f"acc-{place}"), entry(place))
    taken = [places(await lanes.take(lane)) for lane in range(3)]
    assert sorted(place for some in taken for place in some) == list(range(600))
    assert all(0 < len(some) <= BATCH_MAX for some in taken)
    grouped = Lanes(3)
    keys = ("acc-0", "acc-1", "acc-2", "acc-3", "acc-4", "acc-5")
    for place, key in enumerate(keys):
        grouped.put(grouped.lane_of(key), entry(place, commands=50))
    tasks = [await soon(grouped, lane) for lane in range(3)]
    assert sum(task.done() for task in tasks) > 1
    for task in tasks:
        task.cancel()


@settings(max_examples=40, deadline=None)
@given(
    keys=st.lists(st.integers(0, 12), min_size=1, max_size=400),
    pauses=st.lists(st.integers(0, 3), min_size=400, max_size=400),
    count=st.integers(1, 4),
    together_max=st.integers(0, 12),
)
async def test_no_key_is_under_way_twice_and_its_commands_keep_their_order(
    keys: list[int], pauses: list[int], count: int, together_max: int
) -> None:
    lanes = Lanes(count, together_max=together_max)
    done, under_way = defaultdict[int, list[int]](list), Counter[int]()

    async def run(lane: int) -> None:
        while True:
            taken = await lanes.take(lane)
            here = {keys[each.place] for each in taken}
            under_way.update(here)
            assert all(under_way[key] == 1 for key in here)
            for _ in range(pauses[taken[0].place]):
                await asyncio.sleep(0)
            for each in taken:
                done[keys[each.place]].append(each.place)
            under_way.subtract(here)
            lanes.release(lane)

    running = [asyncio.create_task(run(lane)) for lane in range(count)]
    for place, key in enumerate(keys):
        lanes.put(lanes.lane_of(str(key)), entry(place))
        if pauses[place] == 0:
            await asyncio.sleep(0)

    async def is_over() -> bool:
        return sum(map(len, done.values())) == len(keys) or any(task.done() for task in running)

    await until(is_over)
    for task in running:
        assert not task.done(), task.exception()
        task.cancel()
    assert all(order == sorted(order) for order in done.values())
