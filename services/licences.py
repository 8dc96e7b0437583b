"""Which modules a tenant may use: asked of whoever licenses, remembered for a while.

While that is away the last answer holds for a stated time; then nothing is active: it fails closed.
"""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter

from services.ports import LicenceClient, LicencesAway

FRESH_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 10.0
_log = structlog.get_logger()
_AWAY: Final = Counter("daybook_licences_away", "Times that whoever licenses did not answer")


class Module(StrEnum):
    """What is licensed apart; every command needs the core."""

    CORE = "core"
    STATEMENTS = "statements"
    GL_EXPORT = "gl_export"
    WORKFLOWS = "workflows"


class ModuleNotActive(Exception):
    """The tenant may not use the module; `is_away` says that nobody could be asked."""

    code: Final = "MODULE_NOT_ACTIVE"

    def __init__(self, module: Module, *, is_away: bool) -> None:
        why = "and the licence server does not answer" if is_away else "for this tenant"
        super().__init__(f"the module {module} is not active {why}: ask whoever licenses Daybook")
        self.is_away = is_away


class _Known(NamedTuple):
    modules: frozenset[str]
    asked_seconds: float


class Licences:
    """Answers from memory and asks again when that is no longer fresh."""

    def __init__(
        self,
        client: LicenceClient,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        stale_seconds: float = 86_400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = max(fresh_seconds, stale_seconds)
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._failed: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def require(self, tenant: str, module: Module) -> None:
        """Go on only when the module is active; raises ModuleNotActive."""
        known = self._recall(tenant)
        if known is None:
            # One caller that goes away must not take the answer from the others.
            if (asking := self._ask(tenant)) is not None:
                await asyncio.shield(asking)
            known = self._recall(tenant)
        elif self._clock() - known.asked_seconds > self._fresh_seconds:
            self._ask(tenant)
        if known is None or module not in known.modules:
            raise ModuleNotActive(module, is_away=known is None)

    def _recall(self, tenant: str) -> _Known | None:
        known = self._known.get(tenant)
        if known is None or self._clock() - known.asked_seconds > self._stale_seconds:
            return None
        return known

    def _ask(self, tenant: str) -> asyncio.Task[None] | None:
        """Ask, together with whoever asks already; not again right after it failed."""
        asking = self._asking.get(tenant)
        if asking is None:
            failed = self._failed.get(tenant)
            if failed is not None and self._clock() - failed < _AGAIN_SECONDS:
                return None
            asking = asyncio.get_running_loop().create_task(self._learn(tenant))
            self._asking[tenant] = asking
        return asking

    async def _learn(self, tenant: str) -> None:
        try:
            modules = await self._client.modules(tenant)
        except LicencesAway as away:
            holds = self._recall(tenant) is not None
            _AWAY.inc()
            _log.warning("no licence server", tenant=tenant, reason=str(away), last_holds=holds)
            self._failed[tenant] = self._clock()
        else:
            self._failed.pop(tenant, None)
            self._known[tenant] = _Known(modules, self._clock())
        finally:
            del self._asking[tenant]


class _Unlimited(Licences):
    """Licenses everything to everybody."""

    def __init__(self) -> None:
        """Nobody is asked."""

    async def require(self, tenant: str, module: Module) -> None:
        """Always goes on."""


UNLIMITED: Final = _Unlimited()
"""Where nothing says what is licensed, everything is."""
