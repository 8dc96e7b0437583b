"""A stack for synchronous callers, tests above all: it lives in a thread with its own loop."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from services.embedded.addresses import Addresses
from services.embedded.stack import EmbeddedStack, StackOptions, running_stack

Answer = TypeVar("Answer")


class BackgroundStack:
    """Started by its making; `stop` it, or let it die with the process."""

    def __init__(self, options: StackOptions) -> None:
        self._loop = asyncio.new_event_loop()
        # The kernel ends the children when this thread dies: it is the one that starts them.
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack", daemon=True)
        self._thread.start()
        self._undo = AsyncExitStack()
        try:
            self.stack: EmbeddedStack = self.run(
                self._undo.enter_async_context(running_stack(options))
            )
        except BaseException:
            self._end_thread()
            raise

    @property
    def addresses(self) -> Addresses:
        """Where everything is."""
        return self.stack.addresses

    def start_temporal(self) -> str:
        """Start Temporal unless it runs; its address."""
        return self.run(self.stack.start_temporal())

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run something in the stack's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """Stop the servers and remove what was ephemeral."""
        try:
            self.run(self._undo.aclose())
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def start_for_tests() -> BackgroundStack:
    """An ephemeral stack on free ports, fast rather than durable; Temporal starts when asked."""
    return BackgroundStack(StackOptions(durable=False, temporal=False, usual_ports=False))
