"""Customers with bills, on a server whose time is skipped together with the ledger's clock."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from contracts.bill import BillSurface
from contracts.ids import BillId, derive
from domain import naming
from domain.bill_adding import AddLineItem
from domain.bill_making import CreateBill
from domain.line_item import NewLineItem
from domain.period import StartPeriod
from services.sagas import workflow_ids
from tests.fixtures.waiting import until
from tests.workflows.clinic import ServedClinic

_WAITS: Final = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_TIMER_STARTED,
)


@dataclass
class SkippedClock:
    """The wall clock, and what was skipped of it."""

    skipped: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped


@dataclass
class Billed:
    """Bills of one tenant, and their workflows."""

    clinic: ServedClinic
    clock: SkippedClock
    environment: WorkflowEnvironment
    _made: dict[str, CreateBill] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.clinic.tenant

    async def skip(self, **time: float) -> None:
        """Let time pass, for the ledger and then for Temporal."""
        passed = timedelta(**time)
        self.clock.skipped += passed
        await self.environment.sleep(passed)

    async def skip_to(self, instant: datetime) -> None:
        """Let time pass until a minute behind an instant."""
        left = instant - self.clock.now()
        await self.skip(seconds=left.total_seconds() + 60)

    async def make(self, name: str = "b", **fields: Any) -> CreateBill:
        """A bill from now on; without an end unless one is named."""
        bill_id = BillId(derive("bill", self.tenant, name))
        made = CreateBill(
            bill_id=bill_id,
            account_id=naming.bill_account_id(self.tenant, bill_id, "USD"),
            customer_id=bill_id,
            surface=BillSurface.DATED,
            currency="USD",
            **fields,
        )
        await self.clinic.execute(made)
        return made

    async def make_monthly(self, customer: str = "cust-1", *, coming: bool = False) -> CreateBill:
        """The bill of the month that the clock is in, or of the next one."""
        now = self.clock.now()
        month = f"{now.replace(day=1) + timedelta(days=32 if coming else 0):%Y-%m}"
        made = CreateBill(
            bill_id=naming.monthly_bill_id(self.tenant, customer, month),
            account_id=naming.bill_account_id(self.tenant, customer, "USD"),
            customer_id=customer,
            surface=BillSurface.MONTHLY,
            currency="USD",
            month=month,
        )
        await self.clinic.execute(made)
        return made

    async def start_period(self, customer: str = "cust-1", days: int = 30) -> str:
        stream_id = naming.periods_id(self.tenant, customer)
        await self.clinic.execute(
            StartPeriod(stream_id=stream_id, customer_id=customer, currency="USD", days=days)
        )
        period_id: str = (await self.clinic.state(stream_id)).period_id
        return period_id

    async def make_in_period(self, name: str, customer: str = "cust-1") -> CreateBill:
        bill_id = BillId(derive("bill", self.tenant, name))
        made = CreateBill(
            bill_id=bill_id,
            account_id=naming.bill_account_id(self.tenant, customer, "USD"),
            customer_id=customer,
            surface=BillSurface.PERIODS,
            currency="USD",
            periods=naming.periods_id(self.tenant, customer),
        )
        await self.clinic.execute(made)
        return made

    async def add(self, made: CreateBill, key: str = "li-1", amount: str = "2.50") -> None:
        item = NewLineItem(
            line_item_id=naming.line_item_id(made.bill_id, key),
            unit_amount=amount,
            currency="USD",
            idempotency_key=key,
        )
        await self.clinic.execute(
            AddLineItem(bill_id=made.bill_id, account_id=made.account_id, item=item)
        )

    def workflow(self, made: CreateBill) -> Any:
        """The workflow of a bill."""
        own = workflow_ids.of_one("bill", self.tenant, made.bill_id)
        return self.clinic.client.get_workflow_handle(own)

    async def looked_at(self, made: CreateBill, **wanted: Any) -> None:
        """Wait until the workflow has seen the bill so."""

        async def seen() -> bool:
            await self.clinic.deliver()
            standing = await self.workflow(made).query("state")
            return standing is not None and all(
                standing[name] == value for name, value in wanted.items()
            )

        await until(seen)

    async def history(self, made: CreateBill) -> list[HistoryEvent]:
        """What the workflow of a bill has gone through."""
        return list((await self.workflow(made).fetch_history()).events)

    async def activities(self, made: CreateBill) -> list[str]:
        """What it has had done, in order."""
        begun = [
            event.activity_task_scheduled_event_attributes for event in await self.history(made)
        ]
        return [each.activity_type.name for each in begun if each.activity_type.name]

    async def waits(self, made: CreateBill) -> None:
        """Wait until the workflow of a bill does nothing but wait."""

        async def is_idle() -> bool:
            # What a task asks for stands behind it: here nothing but its being found, or a timer.
            return (await self.history(made))[-1].event_type in _WAITS

        await until(is_idle)

    async def ends(self, made: CreateBill) -> None:
        """Wait until the workflow of a bill has completed."""

        async def is_over() -> bool:
            described = await self.workflow(made).describe()
            return described.status is WorkflowExecutionStatus.COMPLETED

        await self.clinic.settle(is_over)

    async def are(self, state: type, *made: CreateBill) -> None:
        """Wait until bills are in a state."""
        await self.clinic.settle(self.clinic.are([each.bill_id for each in made], state))
