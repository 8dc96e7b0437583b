"""The activity of CardPayment: ask the gateway under the payment's own key, and book its answer.

Whatever is killed in between, the next attempt asks under the same key and hears the same.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import structlog
from temporalio import activity

from contracts.ids import PaymentId
from contracts.payment import PaymentInitiated
from contracts.private import Private
from domain.card import CompleteCardPayment, FailCardPayment, Initiated
from services.card_numbers import CardNumberRefused
from services.execute.executor import Executor
from services.ports import Declined, PaymentGateway, Taken, Unknown
from services.sagas import metrics
from services.sagas.gateway import asking, read_source, taken, unanswered
from services.sagas.ledger import Source, read_states
from services.sagas.messages import PayByCard
from services.sagas.pulse import heartbeats
from services.sagas.steps import Step, execute_steps
from services.sealing import find_keys, open_sealed
from services.tenant_view import tenant_view

# A gateway keeps a key for a day; its search is an hour behind at the worst.
LOOK_FIRST_AFTER: Final = timedelta(hours=1)
_WHAT: Final = "payment"

_log = structlog.get_logger()


class CardCharging:
    """Charges cards; the pool acts as daybook_writer."""

    def __init__(
        self,
        executor: Executor,
        pool: asyncpg.Pool,
        gateway: PaymentGateway,
        *,
        look_first_after: timedelta = LOOK_FIRST_AFTER,
    ) -> None:
        self._executor = executor
        self._pool = pool
        self._gateway = gateway
        self._look_first_after = look_first_after

    @activity.defn(name="charge_card")
    async def charge(self, work: PayByCard) -> None:
        """Charge what was begun, and book or fail it; a payment that has an end stays as it is."""
        async with heartbeats():
            source = await read_source(
                self._pool, work.tenant, work.payment_id, PaymentInitiated, _WHAT
            )
            if isinstance(source.state, Initiated) and source.state.failed is None:
                with asking(_WHAT, source):
                    answer = await self._answer(source)
                await self._book(source, answer)

    async def _answer(self, source: Source) -> Taken | Declined:
        is_old = datetime.now(UTC) - source.recorded_at > self._look_first_after
        found = await self._gateway.find_charge(source.stream_id) if is_old else None
        if found is None:
            found = await self._ask(source, is_old=is_old)
        if isinstance(found, Unknown):
            raise unanswered(_WHAT, source, found.reason)
        return found

    async def _ask(self, source: Source, *, is_old: bool) -> Taken | Declined | Unknown:
        initiated: PaymentInitiated = source.event
        if initiated.payment_method_id is None and initiated.payment_token is None:
            return Declined(code="payment_method_missing", message="it names no card")
        method = await self._method(source)
        if method is None and is_old:
            return Declined(code="payment_method_forgotten", message="its key was deleted")
        if method is None:
            # An attempt before may have taken the money: soon the gateway's search would tell.
            return Unknown(reason="the key of the payment method was deleted")
        try:
            return await self._gateway.charge(
                source.stream_id, initiated.amount, method, source.stream_id
            )
        except CardNumberRefused as refused:
            return Declined(code="card_number_refused", message=str(refused))

    async def _method(self, source: Source) -> str | None:
        """The gateway's name for the card; None when nothing opens it any more."""
        initiated: PaymentInitiated = source.event
        private: Private | None = initiated.payment_token
        if initiated.payment_method_id is not None:
            async with tenant_view(self._pool, source.tenant) as connection:
                (saved,) = (
                    await read_states(connection, source.tenant, [initiated.payment_method_id])
                ).values()
            # One that was removed meanwhile too: the gateway says whether it still pays.
            private = saved.reference
        assert private is not None, "the caller saw to it that there is one"
        keys = await find_keys(self._pool, source.tenant, [private.subject])
        return open_sealed(keys, source.tenant, private)

    async def _book(self, source: Source, answer: Taken | Declined) -> None:
        payment_id, account_id = PaymentId(source.stream_id), source.state.account_id
        command: CompleteCardPayment | FailCardPayment
        if isinstance(answer, Taken):
            name, said = "complete", answer.reference
            command = CompleteCardPayment(
                payment_id=payment_id, payment_ref=said, account_id=account_id
            )
        else:
            name, said = "fail", answer.code
            command = FailCardPayment(payment_id=payment_id, code=said, account_id=account_id)
        # A second name of one payment must be refused, not taken for a repeat.
        digest = hashlib.sha256(f"{name}\0{said}".encode()).digest()
        (outcome,) = await execute_steps(self._executor, [Step(source, name, command, digest)])
        taken(_WHAT, source, outcome)
        metrics.GATEWAY_ANSWERED.labels(_WHAT, answer.__struct_config__.tag).inc()
        _log.info(
            "the gateway answered",
            tenant=source.tenant,
            correlation_id=source.cause.correlation_id,
            payment_id=source.stream_id,
            answer=answer.__struct_config__.tag,
            said=said,
        )
