"""A clinic's till: cards that are charged and saved, money that is given back."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from contracts.ids import AccountId, PaymentId, PaymentMethodId, RefundId, derive
from contracts.money import Money
from contracts.payment import PaymentMethod
from contracts.private import Private
from domain import naming
from domain.account import OpenAccount
from domain.card import CompleteCardPayment, InitiateCardPayment
from domain.payment import PostPayment
from domain.payment_method import SavePaymentMethod
from domain.refund import ApproveRefund, RejectRefund, RequestRefund
from services.adapters.sandbox_gateway import PAYS, SandboxGateway
from services.ports import SavedMethod, Taken, Unknown
from services.sealing import make_keys, seal
from tests.workflows.clinic import Clinic

PATIENT = "patient-1"
ASKED, DECIDES = "user:ada", "user:bea"


def usd(minor: int) -> Money:
    return Money.of(minor, "USD")


@dataclass
class Till:
    """The account of one patient, and the gateway's own books."""

    clinic: Clinic
    account_id: AccountId

    async def seal(self, text: str) -> Private:
        keys = await make_keys(self.clinic.pool, self.clinic.tenant, [PATIENT])
        return seal(keys, self.clinic.tenant, PATIENT, text)

    def payment_id(self, name: str) -> PaymentId:
        return PaymentId(derive("pay", self.clinic.tenant, name))

    def refund_id(self, name: str) -> RefundId:
        return RefundId(derive("rfd", self.clinic.tenant, name))

    async def pay(
        self, name: str = "p", card: str = PAYS, minor: int = 6_000, **fields: Any
    ) -> PaymentId:
        """Begin a card payment by a token, or by a saved card where one is named."""
        if "payment_method_id" not in fields:
            fields["payment_token"] = await self.seal(card)
        payment_id = self.payment_id(name)
        await self.clinic.execute(
            InitiateCardPayment(
                payment_id=payment_id, account_id=self.account_id, amount=usd(minor), **fields
            )
        )
        return payment_id

    async def paid(self, name: str = "p", card: str = PAYS, minor: int = 6_000) -> PaymentId:
        """A card payment in the gateway's books and ours, without its saga."""
        payment_id = await self.pay(name, card, minor)
        gateway = SandboxGateway(self.clinic.pool)
        taken = await gateway.charge(payment_id, usd(minor), card, payment_id)
        assert isinstance(taken, Taken)
        await self.clinic.execute(
            CompleteCardPayment(payment_id=payment_id, payment_ref=taken.reference)
        )
        return payment_id

    async def take_cash(self, name: str = "p", minor: int = 6_000) -> PaymentId:
        payment_id = self.payment_id(name)
        await self.clinic.execute(
            PostPayment(
                payment_id=payment_id,
                account_id=self.account_id,
                amount=usd(minor),
                method=PaymentMethod.CASH,
            )
        )
        return payment_id

    async def save(self, card: str = PAYS) -> PaymentMethodId:
        """Save a card as the API does."""
        method_id = PaymentMethodId(derive("pmt", self.clinic.tenant, card))
        gateway = SandboxGateway(self.clinic.pool)
        saved = await gateway.save_method(self.account_id, card, method_id)
        assert isinstance(saved, SavedMethod)
        await self.clinic.execute(
            SavePaymentMethod(
                payment_method_id=method_id,
                account_id=self.account_id,
                reference=await self.seal(saved.reference),
                brand=saved.brand,
                last4=await self.seal(saved.last4),
                expires=saved.expires,
            )
        )
        return method_id

    async def ask_back(
        self, payment_id: PaymentId, name: str = "r", minor: int = 2_000
    ) -> RefundId:
        refund_id = self.refund_id(name)
        await self.clinic.execute(
            RequestRefund(
                refund_id=refund_id,
                payment_id=payment_id,
                account_id=self.account_id,
                amount=usd(minor),
                requested_by=ASKED,
            )
        )
        return refund_id

    async def approve(self, refund_id: RefundId) -> None:
        await self.clinic.execute(ApproveRefund(refund_id=refund_id, approved_by=DECIDES))

    async def reject(self, refund_id: RefundId) -> None:
        reason = await self.seal("no")
        await self.clinic.execute(
            RejectRefund(refund_id=refund_id, rejected_by=DECIDES, reason=reason)
        )

    async def noted(self, kind: str, *ids: str) -> list[asyncpg.Record]:
        """What the gateway's own books have of these."""
        rows: list[asyncpg.Record] = await self.clinic.admin.fetch(
            "SELECT key, answer::json->>'type' AS answer, times_asked, is_removed"
            " FROM daybook.sandbox_gateway WHERE kind = $1 AND names = ANY ($2)",
            kind,
            list(ids),
        )
        return rows

    async def credit_minor(self) -> int:
        """What the customer has, and what the books owe."""
        ledger = await self.clinic.ledger()
        return -ledger.get(("2100", self.account_id), 0)


async def open_till(clinic: Clinic) -> Till:
    """A till whose patient has an account."""
    account_id = naming.account_id(clinic.tenant, PATIENT, "USD")
    await clinic.execute(
        OpenAccount(
            account_id=account_id,
            patient_id=PATIENT,
            name=None,
            facility="north",
            currency="USD",
        )
    )
    return Till(clinic, account_id)


class Silent:
    """The sandbox, whose calls are made so many times before one is answered."""

    def __init__(self, gateway: SandboxGateway, unanswered: int) -> None:
        self._gateway = gateway
        self.unanswered = unanswered
        self.asked: list[tuple[str, str]] = []
        self.answers = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        async def ask(*given: Any) -> Any:
            self.asked.append((name, given[-1]))
            answer = await getattr(self._gateway, name)(*given)
            if self.unanswered:
                self.unanswered -= 1
                return Unknown(reason="nobody hears it")
            return answer

        return ask
