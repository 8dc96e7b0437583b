"""A clinic whose worker makes statements and collects invoices, over real stores and servers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from contracts.ids import AccountId, ChargeId, InvoiceId, RunId, derive
from contracts.money import Money
from contracts.statement import DeliveryChannel, StatementStarted
from domain import naming
from domain.account import Contact, OpenAccount, RecordContact
from domain.charge import CaptureCharge
from domain.invoice import CreateDraftInvoice, IssueInvoice
from domain.statement import RunsOfDay, StartStatementRun
from services.adapters.object_store import open_object_store
from services.adapters.print_queue import PrintQueue
from services.links import Link, sign_link
from services.ports import (
    Channel,
    Delivered,
    Delivery,
    Dispatch,
    NotDelivered,
    Undeliverable,
)
from services.sagas.collecting import Collecting
from services.sagas.stating import Stating
from services.sealing import make_keys, seal
from services.statements.making import Making
from services.statements.post import Post
from services.statements.reminding import Reminding
from tests.fixtures.databases import Database
from tests.fixtures.http_api import LINK_KEYS, catch_up
from tests.fixtures.rendering import render_in_thread
from tests.workflows.clinic import ServedClinic

_numbers = itertools.count()
_SEALED: Sequence[str] = ("name", "email", "phone")
Answer = Delivered | Undeliverable | NotDelivered


@dataclass
class Noting:
    """A channel that notes what it is given, and answers what a test says, else that it has it."""

    given: list[Dispatch] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def deliver(self, dispatch: Dispatch) -> Answer:
        """Note it, then answer."""
        self.given.append(dispatch)
        return self.answers.pop(0) if self.answers else Delivered(reference=dispatch.delivery_id)


@dataclass
class Sending:
    """What the activities of a test work with."""

    clinic: ServedClinic
    database: Database
    stating: Stating
    collecting: Collecting

    @property
    def activities(self) -> tuple[Any, ...]:
        """What a worker is given."""
        return (*self.stating.activities, *self.collecting.activities)

    async def open(self, patient: str, *, facility: str = "north", **contact: str) -> AccountId:
        """Open an account; `email` and `phone` are sealed, `delivery` is what it prefers."""
        tenant = self.clinic.tenant
        account_id = naming.account_id(tenant, patient, "USD")
        sealed = await self._sealed(patient, contact)
        delivery = DeliveryChannel(contact["delivery"]) if "delivery" in contact else None
        fields: dict[str, Any] = {"name": None, **sealed}
        await self.clinic.execute(
            OpenAccount(
                account_id=account_id,
                patient_id=patient,
                facility=facility,
                currency="USD",
                delivery=delivery,
                **fields,
            )
        )
        return account_id

    async def moves(self, patient: str, **contact: str) -> None:
        """Record another `email` or `phone`, instead of all that was known."""
        account_id = naming.account_id(self.clinic.tenant, patient, "USD")
        found = Contact(**await self._sealed(patient, contact))
        await self.clinic.execute(RecordContact(account_id=account_id, contact=found))

    async def _sealed(self, patient: str, contact: dict[str, str]) -> dict[str, Any]:
        tenant = self.clinic.tenant
        keys = await make_keys(self.clinic.pool, tenant, [patient])
        return {
            name: seal(keys, tenant, patient, contact[name]) for name in _SEALED if name in contact
        }

    async def charge(self, account_id: AccountId, minor: int = 12_500) -> ChargeId:
        """Charge a service to an account."""
        charge_id = ChargeId(derive("chg", account_id, str(next(_numbers))))
        await self.clinic.execute(
            CaptureCharge(
                charge_id=charge_id,
                account_id=account_id,
                facility="north",
                code="A",
                system="urn:clinic",
                quantity=1,
                service_on=await self.clinic.today(),
                currency="USD",
                unit_price=Money.of(minor, "USD"),
            )
        )
        return charge_id

    async def issue(self, account_id: AccountId, due_days: int = 30) -> InvoiceId:
        """Invoice what is open on an account."""
        invoice_id = InvoiceId(derive("inv", account_id, str(next(_numbers))))
        await self.clinic.execute(
            CreateDraftInvoice(invoice_id=invoice_id, account_id=account_id),
            IssueInvoice(invoice_id=invoice_id, account_id=account_id, due_days=due_days),
        )
        return invoice_id

    def start(
        self, *channels: str, facility: str | None = None, as_of: date | None = None
    ) -> StartStatementRun:
        """The command that starts a run as of today."""
        on = as_of or datetime.now(UTC).date()
        return StartStatementRun(
            stream_id=naming.statement_runs_id(self.clinic.tenant, on.isoformat()),
            facility=facility,
            first_on=on.replace(day=1),
            as_of=on,
            channels=tuple(map(DeliveryChannel, channels)),
        )

    async def begin(self, command: StartStatementRun) -> RunId:
        """Start a run whose read models have seen everything; nobody works on it yet."""
        await self.clinic.execute(command)
        await catch_up(self.database)
        started: list[StatementStarted] = await self.clinic.events(StatementStarted)
        return started[-1].run_id

    async def settle(self, stream_id: str) -> None:
        """Wait until no run of a day is at work."""

        async def is_quiet() -> bool:
            runs = await self.clinic.state(stream_id)
            return isinstance(runs, RunsOfDay) and not list(runs.at_work())

        await self.clinic.settle(is_quiet)

    async def outcomes(self, run_id: str) -> dict[str, tuple[str, str | None]]:
        """What became of each account: its outcome, and why it failed."""
        rows = await self.clinic.admin.fetch(
            "SELECT account_id, outcome, code FROM statement_run_accounts WHERE run_id = $1", run_id
        )
        return {row["account_id"]: (row["outcome"], row["code"]) for row in rows}


async def sending(
    clinic: ServedClinic,
    database: Database,
    deliveries: dict[Channel, Delivery],
    *,
    accounts_max: int = 50,
) -> Sending:
    """The activities over channels of the test's own; what it does not give is printed or noted."""
    store = open_object_store(database.objects.as_uri())
    reader = await database.pool("daybook_reader", 6)
    known: dict[Channel, Delivery] = {channel: Noting() for channel in Channel}
    known[Channel.PRINT] = PrintQueue(store)

    def make_link(tenant: str, document: str, until: datetime) -> str:
        token = sign_link(LINK_KEYS, Link(tenant, document, until))
        return f"http://127.0.0.1:4000/v1/documents/{token}"

    post = Post(store, known | deliveries, make_link)
    making = Making(clinic.pool, reader, render_in_thread, post)
    stating = Stating(clinic.executor, clinic.pool, reader, making, accounts_max=accounts_max)
    reminding = Reminding(reader, render_in_thread, post)
    return Sending(clinic, database, stating, Collecting(clinic.executor, reader, reminding))
