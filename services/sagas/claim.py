"""An open claim of a remittance on its way to an outcome, and the steps that post it."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.adjustment import Direction
from contracts.ids import PaymentId
from contracts.payment import PaymentMethod
from contracts.remittance import ClaimOutcome, ClaimResult, RemittanceClaim, RemittanceReceived
from domain import naming
from domain.adjustment import ApplyAdjustment
from domain.payment import PostPayment
from services.execute.envelope import Refused
from services.execute.group import Group
from services.sagas.ledger import Source
from services.sagas.matching import Invoiced
from services.sagas.reasons import reason_of
from services.sagas.steps import Step


@dataclass(slots=True)
class OpenClaim:
    """A claim without an end, or a parked one that is tried again."""

    source: Source
    index: int
    claim: RemittanceClaim
    was_parked: bool
    invoiced: Invoiced | None = None
    outcome: ClaimOutcome | None = None
    waits: bool = False
    again: str | None = None

    @property
    def remittance(self) -> RemittanceReceived:
        """The remittance as it was recorded."""
        event: RemittanceReceived = self.source.event
        return event

    @property
    def posts_nothing(self) -> bool:
        """Whether neither money moved nor anything is written off."""
        return not self.claim.paid.minor and not any(
            adjustment.amount.minor for adjustment in self.claim.adjustments
        )

    @property
    def needs_invoice(self) -> bool:
        """A bare denial is noted at once: it posts nothing."""
        return self.outcome is None and not (self.claim.denied and self.posts_nothing)

    @property
    def goes_on(self) -> bool:
        """Whether it has its invoice and nothing stands against it yet."""
        return self.invoiced is not None and self.outcome is None and self.again is None

    def park(self, detail: str) -> None:
        """Set it aside for a person; nothing of it is posted from here on."""
        self.outcome = ClaimOutcome(claim=self.index, result=ClaimResult.PARKED, detail=detail)

    def refused(self, refused: Refused) -> None:
        """Note a refusal: to be tried again, or the claim is parked."""
        if refused.transient:
            self.again = refused.detail
        elif self.outcome is None:
            self.park(f"{refused.code}: {refused.detail}")

    def without_invoice(self, encounter_id: str) -> None:
        """Note that its encounter is billed and no invoice will come."""
        if self.posts_nothing:
            self.outcome = ClaimOutcome(claim=self.index, result=ClaimResult.POSTED)
        else:
            self.park(f"encounter {encounter_id} is billed without an invoice of its own")

    def settle(self) -> ClaimOutcome | None:
        """The end of the claim, or None when it waits or is to be tried again."""
        if self.waits or self.again is not None:
            return None
        if self.outcome is None:
            self.outcome = ClaimOutcome(
                claim=self.index,
                result=ClaimResult.DENIED if self.claim.denied else ClaimResult.POSTED,
                invoice_id=self.invoiced.invoice_id if self.invoiced else None,
                payment_id=_payment_id(self) if self.claim.paid.minor else None,
            )
        return self.outcome


def open_claims(source: Source, parked_too: bool) -> Iterator[OpenClaim]:
    """The claims of a remittance that are to be posted; what no step can post is parked at once."""
    for index, (claim, result) in enumerate(
        zip(source.event.claims, source.state.results, strict=True)
    ):
        was_parked = result is ClaimResult.PARKED
        if result is None or (was_parked and parked_too):
            found = OpenClaim(source, index, claim, was_parked)
            detail = _unpostable(claim)
            if detail is not None:
                found.park(detail)
            yield found


def _unpostable(claim: RemittanceClaim) -> str | None:
    if claim.paid.minor < 0:
        return f"the payer takes {claim.paid.amount} back: post the take-back by hand"
    for adjustment in claim.adjustments:
        if reason_of(adjustment.reason) is None:
            return f"adjustment reason {adjustment.reason!r} is not known: adjust by hand"
        if adjustment.amount.minor < 0:
            return f"the adjustment of {adjustment.amount.amount} is reversed: adjust by hand"
    return None


def adjusting(open_claim: OpenClaim) -> Iterator[Step]:
    """The step that applies a matched claim's adjustments, all or none of them, if there are any.

    What is parked is for a person: nothing of it may be in the books already.
    """
    adjustments = tuple(_adjustments(open_claim))
    if adjustments:
        group = Group(commands=adjustments, atomic=True)
        yield Step(open_claim.source, f"adjust/{open_claim.index}", group)


def _adjustments(open_claim: OpenClaim) -> Iterator[ApplyAdjustment]:
    invoiced, remittance = open_claim.invoiced, open_claim.remittance
    for line, adjustment in enumerate(open_claim.claim.adjustments):
        reason = reason_of(adjustment.reason)
        if invoiced is None or reason is None or not adjustment.amount.minor:
            continue
        yield ApplyAdjustment(
            adjustment_id=naming.claim_adjustment_id(
                remittance.remittance_id, open_claim.index, line
            ),
            account_id=invoiced.account_id,
            reason=reason,
            direction=Direction.CREDIT,
            amount=adjustment.amount,
            effective_on=remittance.received_on,
            invoice_id=invoiced.invoice_id,
            remittance_id=remittance.remittance_id,
        )


def paying(open_claim: OpenClaim) -> Iterator[Step]:
    """The step that posts a matched claim's payment, if there is one."""
    invoiced, remittance = open_claim.invoiced, open_claim.remittance
    if invoiced is None or not open_claim.claim.paid.minor:
        return
    command = PostPayment(
        payment_id=_payment_id(open_claim),
        account_id=invoiced.account_id,
        amount=open_claim.claim.paid,
        method=PaymentMethod.REMITTANCE,
        received_on=remittance.received_on,
        invoice_id=invoiced.invoice_id,
        payer=remittance.payer,
        remittance_id=remittance.remittance_id,
        reference=remittance.remittance_ref,
    )
    yield Step(open_claim.source, f"pay/{open_claim.index}", command)


def _payment_id(open_claim: OpenClaim) -> PaymentId:
    return naming.claim_payment_id(open_claim.remittance.remittance_id, open_claim.index)
