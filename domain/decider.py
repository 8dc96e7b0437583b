"""The whole architecture: a decider decides events from a command, evolves a state by an event."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from contracts.event import Event

Decision = Sequence[tuple[str, Event]]
"""The events of a command in order, each with the stream that it goes to."""


class Rejected(Exception):
    """A business "no": expected, explained, and no fault of ours. `code` is stable."""

    code: ClassVar[str] = "STATE_CONFLICT"
    transient: ClassVar[bool] = False
    """Whether the same may be taken a moment later, made from what there is by then."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Decider(NamedTuple):
    """An aggregate: its stream ids' prefix, its decide and evolve, and the union of its states."""

    prefix: str
    decide: Callable[[Any, Any], Decision]
    evolve: Callable[[Any, Any], Any]
    states: Any
