"""What an application works with: its gates, what its handlers are given, how answers are counted.

It may be fitted anew while nothing is in flight: to make an application takes half a second, which
tests would spend hundreds of times.
"""

from typing import Any

from litestar.types import Message, Scope

from services.api.dependencies import Dependencies
from services.api.event_feed import EventFeed
from services.api.gate import Admission, Gate
from services.api.ledger import Ledger
from services.api.telemetry import before_send


class Fittings:
    """The parts of one application."""

    def __init__(self, dependencies: Dependencies) -> None:
        self.gate = Gate(dependencies.authenticate)
        self.admission = Admission(dependencies.crowd, dependencies.licences)
        self.fit(dependencies)

    def fit(self, dependencies: Dependencies) -> None:
        """From now on work with these."""
        self.gate.authenticate = dependencies.authenticate
        self.admission.crowd = dependencies.crowd
        self.admission.licences = dependencies.licences
        self.ledger = Ledger(dependencies)
        self.feed = EventFeed(dependencies.reader, dependencies.registry)
        """To be closed when the process stops."""
        self.given: dict[str, Any] = {
            "dependencies": dependencies,
            "ledger": self.ledger,
            "feed": self.feed,
        }
        self._before_send = before_send(dependencies.registry)

    async def before_send(self, message: Message, scope: Scope) -> None:
        """Count an answer, and add the common headers."""
        await self._before_send(message, scope)
