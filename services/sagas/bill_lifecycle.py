"""BillLifecycle: a bill begins at its start, and closes at its end or when somebody says so.

What it holds is one look at the bill, and what was signalled and is no command yet.
"""

from datetime import timedelta
from typing import Any, Final

from temporalio import workflow

# Structs must not be imported again inside the sandbox: msgspec refuses its proxied datetime.
with workflow.unsafe.imports_passed_through():
    from contracts.bill import ClosedBy
    from contracts.bill_views import BillStatus
    from services.sagas.bill_messages import (
        ITEMS_TOGETHER_MAX,
        AddToBill,
        BillStanding,
        BillWork,
        CloseAsked,
        CloseBillWork,
        ItemAsked,
    )
    from services.sagas.bill_steps import BILLS_QUEUE
    from services.sagas.billing import Billing, is_due
    from services.sagas.encounter import RETRIES
    from services.sagas.pulse import HEARTBEAT_TIMEOUT
    from services.sagas.search_attributes import attributes_of

ATTEMPT_SECONDS_MAX: Final = timedelta(minutes=2)
TOGETHER: Final = timedelta(seconds=2)
"""Signals of so long are one look: what many writers do is no upsert for each of them."""
EVENTS_PER_HISTORY_MAX: Final = 2_000
"""Then it goes on in a history of its own. Running workflows have it too: another number needs
`workflow.patched`."""
_OPEN: Final = (BillStatus.PENDING, BillStatus.ACTIVE)


@workflow.defn(name="BillLifecycle")
class BillLifecycle:
    """The life of one bill, from its making to its end."""

    @workflow.init
    def __init__(self, work: BillWork) -> None:
        self._bill = work.bare()
        self._items: list[ItemAsked] = [*work.items]
        self._close = work.close
        self._is_changed = False
        self._is_woken = False
        self._standing: BillStanding | None = None

    @workflow.signal
    def add_line_item(self, item: ItemAsked) -> None:
        """Add an item; its key names it on the bill, for ever."""
        self._items.append(item)

    @workflow.signal
    def close_bill(self, asked: CloseAsked | None = None) -> None:
        """Close the bill before its end; nothing need be said about it."""
        self._close = asked or CloseAsked()

    @workflow.signal
    def totals_changed(self) -> None:
        """The ledger has more of the bill than was looked at."""
        self._is_changed = True

    @workflow.signal
    def wake(self) -> None:
        """The ledger has what is to be looked at now: the bill is closing, its payment has ended,
        its invoice is paid."""
        self._is_woken = True

    @workflow.query
    def state(self) -> BillStanding | None:
        """The bill as it was last looked at."""
        return self._standing

    @workflow.run
    async def run(self, work: BillWork) -> None:
        """Look, do what is due, wait for what comes next; until the bill is closed."""
        while True:
            await self._add_all()
            standing = await self._look()
            if self._items:
                continue  # What was signalled before a close is on the bill.
            if standing.status not in _OPEN:
                self._forget_close(standing)
            if standing.status is BillStatus.CLOSED:
                return
            if standing.is_finishable:
                await self._do(Billing.finish, self._bill)
            elif (closing := self._due_closing(standing)) is not None:
                self._close = None
                await self._do(Billing.close, closing)
            elif standing.status is BillStatus.PENDING and is_due(
                standing.starts_at, workflow.now()
            ):
                await self._do(Billing.activate, self._bill)
            else:
                await self._wait(standing)

    async def _add_all(self) -> None:
        """Make commands of the signalled items, many at a time."""
        while True:
            self._go_on_in_another_history()
            some = self._items[:ITEMS_TOGETHER_MAX]
            if not some:
                return
            bill = self._bill
            await self._do(
                Billing.add,
                AddToBill(tenant=bill.tenant, bill_id=bill.bill_id, items=tuple(some)),
            )
            del self._items[: len(some)]

    def _go_on_in_another_history(self) -> None:
        """Once this one is long; more items than go together are too much to carry along."""
        is_long = workflow.info().get_current_history_length() > EVENTS_PER_HISTORY_MAX
        if is_long and len(self._items) <= ITEMS_TOGETHER_MAX:
            workflow.continue_as_new(self._bill.carrying(self._items, self._close))

    async def _look(self) -> BillStanding:
        self._is_changed = self._is_woken = False
        found: BillStanding = await self._do(Billing.look, self._bill)
        if found != self._standing:
            workflow.upsert_search_attributes(attributes_of(found))
        self._standing = found
        return found

    def _forget_close(self, standing: BillStanding) -> None:
        """Nothing is left to be closed; kept, the signal would be news for ever."""
        if self._close is not None:
            workflow.logger.warning("close_bill comes to a bill that is %s", standing.status.value)
            self._close = None

    def _due_closing(self, standing: BillStanding) -> CloseBillWork | None:
        """Why the bill is to be closed now, if it is."""
        if standing.status not in _OPEN:
            return None
        reason = ""
        if self._close is not None:
            closed_by, reason = ClosedBy.REQUEST, self._close.reason
        elif standing.is_period_over:
            closed_by = ClosedBy.PERIOD
        elif is_due(standing.ends_at, workflow.now()):
            closed_by = ClosedBy.END
        else:
            return None
        bill = self._bill
        return CloseBillWork(
            tenant=bill.tenant, bill_id=bill.bill_id, closed_by=closed_by, reason=reason
        )

    async def _wait(self, standing: BillStanding) -> None:
        """Until the next instant, or news; signals that come together are one piece of news."""
        next_ = standing.starts_at if standing.status is BillStatus.PENDING else standing.ends_at
        if standing.status not in _OPEN:
            next_ = None
        timeout = None if next_ is None else max(timedelta(), next_ - workflow.now())
        if not await _until(self._has_news, timeout):
            return
        if not self._is_urgent() and standing.status in _OPEN:
            await _until(self._is_urgent, TOGETHER)

    def _has_news(self) -> bool:
        return self._is_changed or self._is_urgent()

    def _is_urgent(self) -> bool:
        return self._is_woken or bool(self._items) or self._close is not None

    async def _do(self, method: Any, work: Any) -> Any:
        return await workflow.execute_activity_method(
            method,
            work,
            task_queue=BILLS_QUEUE.format(workflow.info().task_queue),
            start_to_close_timeout=ATTEMPT_SECONDS_MAX,
            heartbeat_timeout=HEARTBEAT_TIMEOUT if method is Billing.finish else None,
            retry_policy=RETRIES,
        )


async def _until(condition: Any, timeout: timedelta | None) -> bool:
    """Wait for a condition; False when its time is over."""
    try:
        await workflow.wait_condition(condition, timeout=timeout)
    except TimeoutError:
        return False
    return True
