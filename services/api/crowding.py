"""How much is worked on at once: more than that is told to come again, before it costs anything.

Requests that wait in memory for each other would take it all, and everybody's time with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.api.problems import Problem

REQUESTS_MAX: Final = 1_024
# One tenant that floods us leaves room for the others.
REQUESTS_PER_TENANT_MAX: Final = 768


class Crowd:
    """The requests that are being answered."""

    def __init__(
        self,
        requests_max: int = REQUESTS_MAX,
        requests_per_tenant_max: int = REQUESTS_PER_TENANT_MAX,
    ) -> None:
        self._requests_max = requests_max
        self._per_tenant_max = requests_per_tenant_max
        self._count = 0
        self._by_tenant: dict[str, int] = {}

    @contextmanager
    def joined(self, tenant: str) -> Iterator[None]:
        """Around the answer to a request; raises Problem TOO_MANY_REQUESTS."""
        others = self._by_tenant.get(tenant, 0)
        if self._count >= self._requests_max or others >= self._per_tenant_max:
            raise Problem("TOO_MANY_REQUESTS", "too much is asked for at once: come again")
        self._count += 1
        self._by_tenant[tenant] = others + 1
        try:
            yield
        finally:
            self._count -= 1
            left = self._by_tenant[tenant] = self._by_tenant[tenant] - 1
            if not left:
                del self._by_tenant[tenant]
