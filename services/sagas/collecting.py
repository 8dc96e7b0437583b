"""The activities of InvoiceCollection: the next day of the schedule, and what is done on it."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog
from temporalio import activity

from domain.collecting import CollectionCommand, RemindInvoice, SendToCollections
from relay import spans
from services.execute.envelope import BusIdentity, Envelope, Refused
from services.execute.executor import Executor
from services.objects import ObjectStoreDenied, ObjectStoreUnreachable
from services.ports import DeliveryMisconfigured
from services.sagas.messages import CollectOn, DayAfter, NextDay
from services.sagas.pulse import heartbeats
from services.sagas.steps import CONSUMER, this_workflow, try_again
from services.statements.collections import (
    Overdue,
    is_anything_outstanding,
    read_overdue,
    read_schedule,
)
from services.statements.reminding import NotReminded, Reminding, delivery_id
from services.tenant_view import tenant_view

INVOICES_PER_PAGE_MAX: Final = 100
_AWAY: Final = (ObjectStoreUnreachable, ObjectStoreDenied, DeliveryMisconfigured)
# Behind these whoever cannot be reached is reminded on the next day of the schedule: some minutes.
TRIES_MAX: Final = 15
_log = structlog.get_logger()


class Collecting:
    """Collects invoices; the pools act as daybook_writer and daybook_reader."""

    def __init__(
        self,
        executor: Executor,
        reader: asyncpg.Pool,
        reminding: Reminding,
        *,
        invoices_max: int = INVOICES_PER_PAGE_MAX,
    ) -> None:
        self._executor = executor
        self._reader = reader
        self._reminding = reminding
        self._invoices_max = invoices_max

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker is given."""
        return (self.next_day, self.collect)

    @activity.defn(name="next_collection_day")
    async def next_day(self, work: DayAfter) -> NextDay:
        """The next day; none once what was due is settled, and no more can come to be due."""
        async with heartbeats(), tenant_view(self._reader, work.tenant) as connection:
            schedule = await read_schedule(connection)
            is_open = work.today <= work.due_on or await is_anything_outstanding(
                connection, work.due_on
            )
        day = schedule.next_day(work.done_day, work.due_on, work.today) if is_open else None
        return NextDay(day=day)

    @activity.defn(name="collect_invoices")
    async def collect(self, work: CollectOn) -> None:
        """Remind or hand over, page after page; what is done already is left out."""
        left, after = 0, ""
        async with heartbeats():
            async with tenant_view(self._reader, work.tenant) as connection:
                schedule = await read_schedule(connection)
            is_handover = schedule.is_handover(work.day)
            if not (is_handover or work.day in schedule.reminder_days):
                return  # The schedule was changed after this day was chosen.
            while True:
                async with tenant_view(self._reader, work.tenant) as connection:
                    page = await read_overdue(connection, work.due_on, after, self._invoices_max)
                left += await self._work_on(work, page, is_handover)
                if len(page) < self._invoices_max:
                    break
                after = page[-1].invoice_id
        if left and activity.info().attempt < TRIES_MAX:
            raise try_again("invoices", left, "their customers were not reminded")

    async def _work_on(self, work: CollectOn, page: Sequence[Overdue], is_handover: bool) -> int:
        """Work on a page; how many are to be tried again."""
        todo = [each for each in page if not each.handed_over]
        if is_handover:
            await self._record(work, [_hand_over(each, work.day) for each in todo])
            return 0
        reminded: list[CollectionCommand] = []
        due = [each for each in todo if each.reminded_day < work.day]
        for each in due:
            command = await self._remind(work, each)
            if command is not None:
                # Recorded at once: after a crash it is not sent once more.
                await self._record(work, [command])
                reminded.append(command)
        return len(due) - len(reminded)

    async def _remind(self, work: CollectOn, overdue: Overdue) -> RemindInvoice | None:
        try:
            handed = await self._reminding.remind(work.tenant, overdue, work.day)
        except (NotReminded, *_AWAY) as away:
            _log.warning(
                "a customer was not reminded",
                tenant=work.tenant,
                invoice_id=overdue.invoice_id,
                day=work.day,
                reason=str(away),
            )
            return None
        return RemindInvoice(
            invoice_id=overdue.invoice_id,
            account_id=overdue.account_id,
            day=work.day,
            channel=handed.channel,
            delivery_id=delivery_id(overdue.invoice_id, work.day),
        )

    async def _record(self, work: CollectOn, commands: Sequence[CollectionCommand]) -> None:
        actor = f"saga:{this_workflow()}"
        outcomes = await self._executor.execute_all(
            [_envelope(work, command, actor) for command in commands]
        )
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Refused):
                # It was paid or voided this very moment: nothing is to be collected.
                _log.info(
                    "an invoice is collected no more",
                    tenant=work.tenant,
                    invoice_id=command.invoice_id,
                    code=outcome.code,
                    reason=outcome.detail,
                )


def _hand_over(overdue: Overdue, day: int) -> SendToCollections:
    return SendToCollections(invoice_id=overdue.invoice_id, account_id=overdue.account_id, day=day)


def _envelope(work: CollectOn, command: CollectionCommand, actor: str) -> Envelope:
    name = f"{type(command).__name__}/{work.day}"
    return Envelope(
        tenant=work.tenant,
        command=command,
        actor=actor,
        correlation_id=command.invoice_id,
        identity=BusIdentity(CONSUMER, command.invoice_id, name),
        payload_hash=hashlib.sha256(name.encode()).digest(),
        traceparent=spans.within(None),
    )
