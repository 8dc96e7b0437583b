"""The activity of RefundSettlement: book an approved refund, then have the gateway make it."""

import hashlib
from typing import Any, Final

import asyncpg
import structlog
from temporalio import activity

from contracts.ids import RefundId
from contracts.refund import RefundRequested
from domain.refund import Approved, FailRefund, Issued, PostRefund, Requested
from services.execute.executor import Executor
from services.ports import PaymentGateway, Refunded, RefundRefused, Unknown
from services.sagas import metrics
from services.sagas.gateway import asking, read_source, taken, unanswered
from services.sagas.ledger import Source
from services.sagas.messages import RefundStanding, SettleRefund
from services.sagas.pulse import heartbeats
from services.sagas.steps import Step, execute_steps

_WHAT: Final = "refund"

_log = structlog.get_logger()


class Refunding:
    """Makes refunds; the pool acts as daybook_writer."""

    def __init__(self, executor: Executor, pool: asyncpg.Pool, gateway: PaymentGateway) -> None:
        self._executor = executor
        self._pool = pool
        self._gateway = gateway

    @activity.defn(name="settle_refund")
    async def settle(self, work: SettleRefund) -> RefundStanding:
        """Bring a refund as far as it may go; one that ended stays as it is."""
        async with heartbeats():
            source = await read_source(
                self._pool, work.tenant, work.refund_id, RefundRequested, _WHAT
            )
            if isinstance(source.state, Requested):
                return RefundStanding(waits=True)
            if isinstance(source.state, Approved):
                # Before the gateway is asked: credit that is leaving is never spent twice.
                await self._do(source, "post", _posting(source))
            if isinstance(source.state, Approved | Issued):
                await self._give_back(source)
        return RefundStanding(waits=False)

    async def _give_back(self, source: Source) -> None:
        """Have the gateway give the money back; what no gateway took ends with its entry."""
        asked: RefundRequested = source.event
        if asked.payment_ref is None:
            return
        with asking(_WHAT, source):
            answer = await self._answer(source, asked, asked.payment_ref)
        if isinstance(answer, RefundRefused):
            refund_id, account_id = RefundId(source.stream_id), source.state.account_id
            failed = FailRefund(refund_id=refund_id, code=answer.code, account_id=account_id)
            await self._do(source, "fail", failed, answer.code)
        metrics.GATEWAY_ANSWERED.labels(_WHAT, answer.__struct_config__.tag).inc()
        _log.info(
            "the gateway answered",
            tenant=source.tenant,
            correlation_id=source.cause.correlation_id,
            refund_id=source.stream_id,
            answer=answer.__struct_config__.tag,
            said=answer.reference if isinstance(answer, Refunded) else answer.code,
        )

    async def _answer(
        self, source: Source, asked: RefundRequested, payment_ref: str
    ) -> Refunded | RefundRefused:
        # Nothing of ours says that a refund was made: a key is kept for a day, the refund for ever.
        answer = await self._gateway.find_refund(source.stream_id, payment_ref)
        if answer is None:
            answer = await self._gateway.refund(
                source.stream_id, payment_ref, asked.amount, source.stream_id
            )
        if isinstance(answer, Unknown):
            raise unanswered(_WHAT, source, answer.reason)
        return answer

    async def _do(self, source: Source, name: str, command: Any, said: str = "") -> None:
        digest = hashlib.sha256(f"{name}\0{said}".encode()).digest()
        (outcome,) = await execute_steps(self._executor, [Step(source, name, command, digest)])
        taken(_WHAT, source, outcome)


def _posting(source: Source) -> PostRefund:
    return PostRefund(refund_id=RefundId(source.stream_id), account_id=source.state.account_id)
