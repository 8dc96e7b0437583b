"""An executor that something happens to in the middle of a saga's step."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from services.execute.attempt import LedgerUnavailable
from services.execute.envelope import Envelope, Outcome
from services.execute.executor import Executor

Moment = Literal["before", "after"]


class Interrupted(Executor):
    """Passes on to a real executor; before or after its n-th call something else happens, once."""

    def __init__(
        self, executor: Executor, call: int, moment: Moment, happens: Callable[[], Awaitable[None]]
    ) -> None:
        self._executor = executor
        self._call = call
        self._moment = moment
        self._happens = happens
        self._calls = 0

    async def execute_all(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Execute, with the interruption."""
        self._calls += 1
        is_it = self._calls == self._call
        if is_it and self._moment == "before":
            await self._happens()
        outcomes = await self._executor.execute_all(envelopes)
        if is_it and self._moment == "after":
            await self._happens()
        return outcomes


async def crash() -> None:
    """The connection to Postgres breaks: whether the step was committed is unknown to the saga."""
    raise LedgerUnavailable("the connection was lost")
