"""Codes asked of a FHIR R4 terminology server with CodeSystem/$validate-code; it fails closed."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

import structlog

from services.adapters.outbound import Answer, Away, Outbound
from services.cannot_run import CannotRun
from services.execute.envelope import TENANT
from services.ports import Coded, Finding, Verdict

FRESH_SECONDS: Final = 3600.0
_KEPT_MAX: Final = 50_000
_AT_ONCE_MAX: Final = 8
_SECONDS_MAX: Final = 10.0
_AGAIN_SECONDS: Final = 5.0
_DETAIL_LETTERS_MAX: Final = 300
_log = structlog.get_logger()


class Connected:
    """Which code systems a terminology server answers for, of every tenant or of one."""

    def __init__(self, systems: str) -> None:
        self._named: set[tuple[str | None, str]] = set()
        for word in systems.split():
            tenant, equals, system = word.partition("=")
            is_of_one = equals and TENANT.fullmatch(tenant)
            self._named.add((tenant, system) if is_of_one else (None, word))
        if not self._named:
            raise CannotRun(
                "DAYBOOK_TERMINOLOGY_URL is set: name the code systems that are checked there in "
                "DAYBOOK_TERMINOLOGY_SYSTEMS"
            )

    def has(self, tenant: str, system: str) -> bool:
        """Whether a tenant's codes of this system are checked."""
        return (None, system) in self._named or (tenant, system) in self._named


class Terminology:
    """Asks for each distinct code once, a few at a time, and remembers the answers for a while."""

    def __init__(
        self,
        outbound: Outbound,
        connected: Connected,
        *,
        seconds_max: float = _SECONDS_MAX,
        fresh_seconds: float = FRESH_SECONDS,
        again_seconds: float = _AGAIN_SECONDS,
    ) -> None:
        self._outbound = outbound
        self._connected = connected
        self._seconds_max = seconds_max
        self._fresh_seconds = fresh_seconds
        self._again_seconds = again_seconds
        self._slots = asyncio.Semaphore(_AT_ONCE_MAX)
        self._known: dict[tuple[str, str, str], tuple[float, Finding]] = {}
        self._away_until = 0.0
        self._why = ""

    async def check(self, codes: Collection[Coded]) -> Mapping[Coded, Finding]:
        """What the server says of codes of connected systems; without an answer, unverified."""
        asked = {
            coded: (coded.system, coded.code, coded.on.isoformat())
            for coded in codes
            if self._connected.has(coded.tenant, coded.system)
        }
        missing = {name for name in asked.values() if self._recall(name) is None}
        if missing:
            await self._learn(missing)
        return {coded: self._recall(name) or self._unverified() for coded, name in asked.items()}

    def _recall(self, name: tuple[str, str, str]) -> Finding | None:
        until, finding = self._known.get(name, (0.0, None))
        return finding if until > time.monotonic() else None

    def _unverified(self) -> Finding:
        return Finding(
            Verdict.UNVERIFIED, f"the terminology server did not answer ({self._why}): try again"
        )

    async def _learn(self, names: Collection[tuple[str, str, str]]) -> None:
        if time.monotonic() < self._away_until:
            return  # who waits for each of a batch's codes in turn waits for minutes
        try:
            async with asyncio.timeout(self._seconds_max), asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(self._ask(name))
        except TimeoutError:
            self._note_away(f"no answer to all codes within {self._seconds_max:g} s")

    async def _ask(self, name: tuple[str, str, str]) -> None:
        system, code, on = name
        async with self._slots:
            if time.monotonic() < self._away_until:
                return
            try:
                answer = await self._outbound.get(
                    "/CodeSystem/$validate-code", {"url": system, "code": code, "date": on}
                )
                finding = _finding(system, code, answer)
            except Away as away:
                self._note_away(str(away))
                return
        is_open = finding.verdict is Verdict.UNVERIFIED
        seconds = self._again_seconds if is_open else self._fresh_seconds
        self._known[name] = (time.monotonic() + seconds, finding)
        while len(self._known) > _KEPT_MAX:
            del self._known[next(iter(self._known))]

    def _note_away(self, why: str) -> None:
        self._why = why[:_DETAIL_LETTERS_MAX]
        self._away_until = time.monotonic() + self._again_seconds
        _log.warning("no answer of the terminology server", reason=self._why)


def _finding(system: str, code: str, answer: Answer) -> Finding:
    """The meaning of a Parameters resource; raises Away for a server that is not well."""
    if answer.status in (408, 429) or answer.status >= 500:
        raise Away(f"HTTP {answer.status}")
    if answer.status != 200:  # it does not have the system, say: others may be asked for
        said = f"the terminology server answers HTTP {answer.status} to $validate-code"
        return Finding(Verdict.UNVERIFIED, f"{said} of {system}: load the system there")
    content = answer.json()
    parameters = content.get("parameter") if isinstance(content, dict) else None
    values = {each.get("name"): each for each in parameters or () if isinstance(each, dict)}
    result: Any = values.get("result", {}).get("valueBoolean")
    if not isinstance(result, bool):
        raise Away(f"no result in the answer to $validate-code of {system}")
    if result:
        return Finding(Verdict.VALID)
    said = str(values.get("message", {}).get("valueString", ""))[:_DETAIL_LETTERS_MAX]
    return Finding(
        Verdict.INVALID, f"there is no code {code} in {system}" + (f": {said}" if said else "")
    )
