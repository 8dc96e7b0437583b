"""Card payments over HTTP: begin one, and wait a moment for what the gateway says."""

import asyncio
from typing import Final

from contracts.ids import AccountId, PaymentId, PaymentMethodId
from contracts.money import Money
from contracts.payment import Allocation, PaymentFailed, PaymentPosted
from domain.card import InitiateCardPayment
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.problems import Problem

_POLL_SECONDS_MIN: Final = 0.02
_POLL_SECONDS_MAX: Final = 0.2


async def initiation(
    call: Call,
    *,
    payment_id: PaymentId,
    account_id: str,
    amount: Money,
    allocations: tuple[Allocation, ...] | None,
    reference: str | None,
    payment_method_id: str | None,
    payment_token: str | None,
) -> InitiateCardPayment:
    """The command that begins a card payment; raises Problem NOT_FOUND."""
    if not account_id.startswith("acc_"):
        raise Problem("NOT_FOUND", f"there is no account {account_id}")
    return InitiateCardPayment(
        payment_id=payment_id,
        account_id=AccountId(account_id),
        amount=amount,
        allocations=allocations,
        reference=reference,
        payment_method_id=None if payment_method_id is None else PaymentMethodId(payment_method_id),
        payment_token=await call.ledger.seal_for(call.tenant, account_id, payment_token),
    )


async def outcome(
    ledger: Ledger, tenant: str, begun: Recorded, *, seconds: float
) -> tuple[Recorded, list[PaymentPosted | PaymentFailed]]:
    """The payment and what came of it by now; nothing within these seconds is an answer too.

    No connection is held between two looks, and callers who look at once share one read.
    """
    stream_id = begun.event.payment_id
    deadline = asyncio.get_running_loop().time() + seconds
    pause = _POLL_SECONDS_MIN
    while (now := await ledger.find(tenant, stream_id)).version == 1:
        left_seconds = deadline - asyncio.get_running_loop().time()
        if left_seconds <= 0:
            return now._replace(replayed=begun.replayed), []
        await asyncio.sleep(min(pause, left_seconds))
        pause = min(pause * 1.5, _POLL_SECONDS_MAX)
    later = await ledger.history(tenant, stream_id, range(2, now.version + 1))
    return now._replace(replayed=begun.replayed), later
