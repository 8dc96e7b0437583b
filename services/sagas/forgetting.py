"""The activity of MethodRemoval: tell the gateway to forget a card that was removed here."""

from typing import Final

import asyncpg
import structlog
from temporalio import activity

from contracts.payment_method import PaymentMethodSaved
from domain.payment_method import Removed
from services.ports import PaymentGateway
from services.sagas import metrics
from services.sagas.gateway import asking, read_source, unanswered
from services.sagas.messages import ForgetMethod
from services.sagas.pulse import heartbeats
from services.sealing import find_keys, open_sealed

_WHAT: Final = "payment method"

_log = structlog.get_logger()


class Forgetting:
    """Has saved cards forgotten; the pool acts as daybook_writer."""

    def __init__(self, pool: asyncpg.Pool, gateway: PaymentGateway) -> None:
        self._pool = pool
        self._gateway = gateway

    @activity.defn(name="forget_method")
    async def forget(self, work: ForgetMethod) -> None:
        """Forget it at the gateway, where one that is gone is gone."""
        async with heartbeats():
            source = await read_source(
                self._pool, work.tenant, work.payment_method_id, PaymentMethodSaved, _WHAT
            )
            if not isinstance(source.state, Removed):
                return
            private = source.state.reference
            keys = await find_keys(self._pool, work.tenant, [private.subject])
            reference = open_sealed(keys, work.tenant, private)
            if reference is None:
                # Forgotten here with the person: nobody can name it to the gateway any more.
                _log.warning(
                    "a card stays with the gateway: its key was deleted before it was removed",
                    tenant=work.tenant,
                    payment_method_id=work.payment_method_id,
                )
                return
            with asking(_WHAT, source):
                answer = await self._gateway.remove_method(reference)
            if answer is not None:
                raise unanswered(_WHAT, source, answer.reason)
            metrics.GATEWAY_ANSWERED.labels(_WHAT, "removed").inc()
