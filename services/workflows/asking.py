"""What scripts may ask of Daybook: commands of the ledger and a FHIR server, as their tenant alone.

What they ask for bears the same identity however often it is asked: run, activity and step.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from contracts.event import Event
from contracts.ids import derive, event_id
from services.execute.envelope import BusIdentity, Envelope, Refused
from services.execute.executor import Executor
from services.execute.group import Group
from services.ports import FhirClient, FhirOf, FhirRefused
from services.sagas.ledger import read_sources
from services.tenant_view import tenant_view
from services.workflows.scripts import Answer, CallRefused

CONSUMER: Final = "workflows"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.decode
# FHIR's decimals are numbers, however many digits they have; amounts of the ledger are texts.
_plain: Final = msgspec.json.Encoder(decimal_format="number").encode


class Grant(NamedTuple):
    """Whose script asks, and on whose behalf; nothing it says changes that."""

    tenant: str
    organization_id: str | None
    workflow_run_id: str
    activity: str
    actor: str
    correlation_id: str
    traceparent: str | None


class LedgerBusy(Exception):
    """A refusal that may not hold a moment later: the script is run again."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a script, with what it is answered by.

    `step` tells apart several of one activity that are alike.
    """

    grant: Grant
    name: str
    arguments: Any
    step: str
    executor: Executor
    pool: asyncpg.Pool
    fhir_of: FhirOf | None

    def id(self, prefix: str, *place: str) -> str:
        """The id of what is made: the same whenever it is asked for."""
        run_id, activity = self.grant.workflow_run_id, self.grant.activity
        return derive(prefix, self.grant.tenant, run_id, activity, self.step, *place)

    def converted(self, shape: Any) -> Any:
        """The arguments as a message; raises CallRefused."""
        try:
            return _decode(_encode(self.arguments), type=shape)
        except (msgspec.ValidationError, TypeError) as invalid:
            raise CallRefused("VALIDATION_FAILED", f"{self.name}: {invalid}") from None

    async def execute(self, command: Any) -> None:
        """Execute a command, or a group of them as one; raises CallRefused and LedgerBusy."""
        grant = self.grant
        outcome = await self.executor.execute(
            Envelope(
                tenant=grant.tenant,
                command=command,
                actor=grant.actor,
                correlation_id=grant.correlation_id,
                identity=BusIdentity(CONSUMER, grant.workflow_run_id, self._step()),
                payload_hash=hashlib.sha256(_encode([self.name, self.arguments])).digest(),
                causation_id=event_id(grant.workflow_run_id, 1),
                traceparent=grant.traceparent,
            )
        )
        if isinstance(outcome, Refused):
            if outcome.transient:
                raise LedgerBusy(f"{outcome.code}: {outcome.detail}")
            place = "" if outcome.item is None else f"[{outcome.item}] "
            raise CallRefused(outcome.code, f"{self.name}: {place}{outcome.detail}")

    async def execute_all(self, commands: tuple[Any, ...]) -> None:
        """Execute commands, all of them or none; raises CallRefused and LedgerBusy."""
        await self.execute(Group(commands=commands, atomic=True))

    async def openings(self, stream_ids: tuple[str, ...], kind: type[Event]) -> list[Any]:
        """The events that streams began with."""
        async with tenant_view(self.pool, self.grant.tenant, readonly=True) as connection:
            found = await read_sources(connection, self.grant.tenant, stream_ids, kind)
        return [source.event for source in found]

    def fhir(self) -> FhirClient:
        """The server of the tenant, or of its organisation; raises CallRefused where there is
        none."""
        if self.fhir_of is None:
            raise CallRefused("FHIR_UNAVAILABLE", "there is no FHIR server: set DAYBOOK_FHIR_URL")
        return self.fhir_of(self.grant.tenant, self.grant.organization_id)

    def _step(self) -> str:
        activity = self.grant.activity
        return f"{activity}/{self.name}/{self.step}" if self.step else f"{activity}/{self.name}"


Ask = Callable[[Asked], Awaitable[Any]]


class Asking:
    """Answers scripts; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool, fhir_of: FhirOf | None) -> None:
        self._executor = executor
        self._pool = pool
        self._fhir_of = fhir_of

    def answer(self, grant: Grant) -> Answer:
        """Answers the script of one activity."""
        # Imported here, since what is answered is made of this module.
        from services.workflows.asks import ASKS

        async def answered(name: str, arguments: dict[str, Any]) -> Any:
            ask = ASKS.get(name)
            if ask is None:
                known = ", ".join(ASKS)
                raise CallRefused("CALL_UNKNOWN", f"there is no {name!r}; there are {known}")
            return await self._answered(ask, grant, name, arguments)

        return answered

    async def _answered(self, ask: Ask, grant: Grant, name: str, arguments: dict[str, Any]) -> Any:
        step = arguments.pop("step", "")
        if not isinstance(step, str) or len(step) > 80:
            raise CallRefused("VALIDATION_FAILED", f"{name}: step is a text of at most 80 letters")
        asked = Asked(
            grant=grant,
            name=name,
            arguments=arguments,
            step=step,
            executor=self._executor,
            pool=self._pool,
            fhir_of=self._fhir_of,
        )
        try:
            return _decode(_plain(await ask(asked)))
        except FhirRefused as refused:
            raise CallRefused("FHIR_REFUSED", f"{name}: {refused}") from refused
