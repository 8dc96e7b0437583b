"""A clinic on a real Postgres and Temporal: it records, delivers events, looks at the books."""

import hashlib
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Self

import asyncpg
from temporalio.client import Client

from contracts import ids
from contracts.catalogue import decode, wire_type
from contracts.encounter import EncounterReceived, EncounterService
from contracts.event import Event
from contracts.money import Money
from contracts.price_list import Price
from contracts.remittance import ClaimAdjustment, RemittanceClaim, RemittanceReceived
from domain import naming
from domain.encounter import RecordEncounter, ResumeEncounter
from domain.price_list import PublishPriceList
from domain.remittance import RecordRemittance
from services.execute.envelope import Done, Envelope
from services.execute.executor import Executor
from services.execute.load import decode_state
from services.feeding import Noted
from services.sagas.consumer import SagaConsumer
from services.sagas.starting import TASK_QUEUE, Starting
from services.sagas.table import TABLE
from tests.fixtures.waiting import until

FACILITY = "north"
TODAY = date(2026, 3, 2)
_price_lists = itertools.count()
_tenants = itertools.count(1)

# The order of the log, and behind it, of what no sequencer has taken yet, that of the commits.
_EVENTS = (
    "SELECT row_number() OVER (ORDER BY l.position NULLS LAST, o.id, o.at) AS position,"
    " e.stream_id, e.version, e.type, e.body, e.recorded_at"
    " FROM events e LEFT JOIN event_log l USING (tenant, stream_id, version)"
    " LEFT JOIN (SELECT b.id, n.event_id, n.at"
    " FROM billing_outbox b, unnest(b.event_ids) WITH ORDINALITY AS n (event_id, at)"
    " WHERE b.tenant = $1) o ON o.event_id = e.stream_id || '-' || e.version"
    " WHERE e.tenant = $1 ORDER BY 1"
)
_LEDGER = (
    "SELECT gl_account, account_id, currency, sum(amount_minor)::bigint AS minor"
    " FROM ledger_entries WHERE tenant = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


def new_tenant() -> str:
    """The name of a tenant that no other test has, on the servers of the session either."""
    return f"clinic-{os.getpid()}-{next(_tenants)}"


@dataclass
class Clinic:
    """One tenant of a database of its own."""

    tenant: str
    executor: Executor
    pool: asyncpg.Pool
    admin: asyncpg.Pool

    def another(self) -> Self:
        """A further tenant of the same database."""
        return replace(self, tenant=new_tenant())

    async def execute(self, *commands: Any) -> None:
        """Execute commands; each must be done."""
        outcomes = await self.executor.execute_all([self._envelope(each) for each in commands])
        assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes

    async def record(self, *encounters: EncounterReceived) -> None:
        """What intake records for closed encounters."""
        await self.execute(*(RecordEncounter(encounter=each) for each in encounters))

    async def receive(self, *remittances: RemittanceReceived) -> None:
        """What intake records for remittances."""
        await self.execute(*(RecordRemittance(remittance=each) for each in remittances))

    async def publish(self, **prices_minor: int) -> None:
        """Publish a price for each code."""
        prices = tuple(
            Price(
                facility=FACILITY,
                code=code,
                unit_price=Money.of(minor, "USD"),
                valid_from=date(2026, 1, 1),
            )
            for code, minor in prices_minor.items()
        )
        named = naming.keyed_price_list_id(self.tenant, str(next(_price_lists)))
        await self.execute(PublishPriceList(price_list_id=named, name="prices", prices=prices))

    async def choose(self, settings: str) -> None:
        """Set the tenant's settings, JSON."""
        await self.admin.execute(
            "INSERT INTO tenant_settings (tenant, settings) VALUES ($1, $2::text::jsonb)"
            " ON CONFLICT (tenant) DO UPDATE SET settings = excluded.settings",
            self.tenant,
            settings,
        )

    async def resume(self, encounter: EncounterReceived) -> None:
        """Somebody mended an encounter and asks for another try."""
        await self.execute(ResumeEncounter(encounter_id=encounter.encounter_id))

    async def today(self) -> date:
        """The posting date."""
        return datetime.now(UTC).date()

    async def events(self, type_: type[Event] | None = None) -> list[Any]:
        """Events in the order of their commits, of one type or all."""
        rows = await self.admin.fetch(_EVENTS, self.tenant)
        events = [decode(row["type"], row["body"]) for row in rows]
        return [event for event in events if type_ is None or isinstance(event, type_)]

    async def count(self, type_: type[Event]) -> int:
        """How many events of a type there are."""
        return len(await self.events(type_))

    async def state(self, stream_id: str) -> Any:
        """The folded state of a stream, or None."""
        body = await self.admin.fetchval(
            "SELECT state FROM stream_heads WHERE tenant = $1 AND stream_id = $2",
            self.tenant,
            stream_id,
        )
        return None if body is None else decode_state(stream_id, body)

    def are(self, streams: Sequence[str], state: type) -> Callable[[], Awaitable[bool]]:
        """The condition that all of these streams are in a state."""

        async def hold() -> bool:
            return all([isinstance(await self.state(stream), state) for stream in streams])

        return hold

    async def ledger(self) -> dict[tuple[str, str], int]:
        """Balances in minor units by GL account and account id; they are checked to sum to zero."""
        rows = await self.admin.fetch(_LEDGER, self.tenant)
        assert sum(row["minor"] for row in rows) == 0
        return {(row["gl_account"], row["account_id"]): row["minor"] for row in rows}

    def encounter(
        self, key: str, *codes: str, patient: str | None = None, claim: str | None = None
    ) -> EncounterReceived:
        """An encounter with a service for each code."""
        return EncounterReceived(
            encounter_id=naming.encounter_id(self.tenant, claim or key),
            encounter_ref=key,
            claim_ref=claim,
            patient_id=patient or f"patient-{key}",
            facility=FACILITY,
            currency="USD",
            language="en",
            closed_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
            services=tuple(
                EncounterService(code=code, system="cpt", quantity=1, service_on=TODAY)
                for code in codes
            ),
        )

    def remittance(self, key: str, *claims: RemittanceClaim) -> RemittanceReceived:
        """A remittance that ties to its claims."""
        return RemittanceReceived(
            remittance_id=naming.remittance_id(self.tenant, "payer", key),
            remittance_ref=key,
            payer="payer",
            received_on=TODAY,
            total=Money.of(sum(claim.paid.minor for claim in claims), "USD"),
            claims=claims,
        )

    def account_id(self, encounter: EncounterReceived) -> ids.AccountId:
        """The account that an encounter is charged to."""
        return naming.account_id(self.tenant, encounter.patient_id, "USD")

    def _envelope(self, command: Any) -> Envelope:
        return Envelope(
            tenant=self.tenant,
            command=command,
            actor="bus:/clinic",
            correlation_id="c-1",
            payload_hash=hashlib.sha256(b"clinic").digest(),
        )


@dataclass
class ServedClinic(Clinic):
    """A clinic whose events a consumer hands to a Temporal server."""

    client: Client
    starting: Starting
    consumer: SagaConsumer
    _delivered: set[tuple[str, int]] = field(default_factory=set)

    async def new_events(self) -> list[Noted]:
        """Events of the consumer's table that were not delivered yet."""
        rows = await self.admin.fetch(_EVENTS, self.tenant)
        new = [row for row in rows if (row["stream_id"], row["version"]) not in self._delivered]
        self._delivered |= {(row["stream_id"], row["version"]) for row in new}
        return [
            Noted(
                position=row["position"],
                tenant=self.tenant,
                type=row["type"],
                stream_id=row["stream_id"],
                body=row["body"],
                recorded_at=row["recorded_at"],
            )
            for row in new
            if row["type"] in TABLE
        ]

    async def new_events_of(self, type_: type[Event]) -> list[Noted]:
        """Events of one type of those that were not delivered yet."""
        return [each for each in await self.new_events() if each.type == wire_type(type_)]

    def forget_deliveries(self) -> None:
        """Have every event delivered once more."""
        self._delivered.clear()

    async def deliver(self) -> None:
        """Hand new events to the consumer."""
        events = await self.new_events()
        if events:
            await self.consumer.take(events)

    async def settle(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Deliver what comes up until the condition holds."""

        async def holds() -> bool:
            await self.deliver()
            return await condition()

        await until(holds)


def serve(clinic: Clinic, client: Client, task_queue: str = TASK_QUEUE) -> ServedClinic:
    """The clinic on a Temporal server."""
    starting = Starting(client, clinic.pool, task_queue=task_queue)
    return ServedClinic(
        tenant=clinic.tenant,
        executor=clinic.executor,
        pool=clinic.pool,
        admin=clinic.admin,
        client=client,
        starting=starting,
        consumer=SagaConsumer(starting, clinic.pool),
    )


def claim(encounter: EncounterReceived, paid_minor: int, **adjusted_minor: int) -> RemittanceClaim:
    """A payer's claim on an encounter, with an adjustment for each reason."""
    return RemittanceClaim(
        paid=Money.of(paid_minor, "USD"),
        claim_ref=encounter.claim_ref,
        encounter_ref=encounter.encounter_ref,
        adjustments=tuple(
            ClaimAdjustment(reason=reason, amount=Money.of(minor, "USD"))
            for reason, minor in adjusted_minor.items()
        ),
    )
