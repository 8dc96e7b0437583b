"""Remittances: recorded as the payer sent them, settled claim by claim, completed."""

import hashlib

import msgspec

from contracts.event import Event
from contracts.ids import RemittanceId
from contracts.money import Money
from contracts.remittance import (
    OUTCOMES_PER_EVENT_MAX,
    ClaimOutcome,
    ClaimResult,
    RemittanceClaimsSettled,
    RemittanceCompleted,
    RemittanceReceived,
)
from domain.book import Book
from domain.decider import Decider, Decision
from domain.rejections import AlreadyExists, Invalid, NotFound


class RecordRemittance(msgspec.Struct, frozen=True, kw_only=True):
    """Record a payer's advice; its claims must tie to its total."""

    remittance: RemittanceReceived

    @property
    def remittance_id(self) -> RemittanceId:
        """The stream it is recorded on."""
        return self.remittance.remittance_id


class SettleClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Note what became of claims; the last ones complete the remittance."""

    remittance_id: RemittanceId
    outcomes: tuple[ClaimOutcome, ...]


RemittanceCommand = RecordRemittance | SettleClaims


class Working(msgspec.Struct, frozen=True, kw_only=True, tag="working"):
    """Claims are being posted; `results` by claim, None while one is open."""

    digest: str
    currency: str
    paid_minor: tuple[int, ...]
    results: tuple[ClaimResult | None, ...]


class Completed(msgspec.Struct, frozen=True, kw_only=True, tag="completed"):
    """Every claim reached an end; a parked one can still be posted."""

    digest: str
    currency: str
    paid_minor: tuple[int, ...]
    results: tuple[ClaimResult, ...]


RemittanceState = Working | Completed
RemittanceEvent = RemittanceReceived | RemittanceClaimsSettled | RemittanceCompleted


def decide(command: RemittanceCommand, book: Book) -> Decision:
    """Record a remittance once, settle each claim once, complete it when all are settled."""
    match command, book.states.get(command.remittance_id):
        case RecordRemittance(), None:
            return [(command.remittance_id, _tied(command.remittance))]
        case RecordRemittance(), Working(digest=known) | Completed(digest=known) if (
            known == digest_of(command.remittance)
        ):
            return []  # Recorded before: the payer repeated itself.
        case RecordRemittance(), _:
            raise AlreadyExists(
                f"{command.remittance.payer} sent remittance {command.remittance.remittance_ref} "
                "before, with other content: send this one under an id of its own"
            )
        case SettleClaims(), Working() | Completed() as state:
            return [(command.remittance_id, event) for event in _settle(command, state)]
        case _:
            raise NotFound(f"there is no remittance {command.remittance_id}")


def digest_of(remittance: RemittanceReceived) -> str:
    """SHA-256 of what was sent, without the sealed fields, whose ciphertext is new each time."""
    plain = tuple(msgspec.structs.replace(claim, denial_reason=None) for claim in remittance.claims)
    sent = msgspec.structs.replace(remittance, claims=plain)
    return hashlib.sha256(msgspec.json.encode(sent)).hexdigest()


def _tied(remittance: RemittanceReceived) -> RemittanceReceived:
    currencies = {claim.paid.currency for claim in remittance.claims} | {
        adjustment.amount.currency
        for claim in remittance.claims
        for adjustment in claim.adjustments
    }
    if currencies - {remittance.total.currency}:
        raise Invalid(f"every claim must be in the total's currency {remittance.total.currency}")
    paid_minor = sum(claim.paid.minor for claim in remittance.claims)
    if paid_minor != remittance.total.minor:
        paid = Money.of(paid_minor, remittance.total.currency)
        raise Invalid(
            f"the claims add up to {paid.amount}, the remittance's total is "
            f"{remittance.total.amount}: they must tie"
        )
    return remittance


def _settle(command: SettleClaims, state: RemittanceState) -> list[Event]:
    _check_claims(command, len(state.results))
    new = [outcome for outcome in command.outcomes if _is_news(outcome, state)]
    if not new:
        return []
    events: list[Event] = [
        RemittanceClaimsSettled(
            remittance_id=command.remittance_id,
            outcomes=tuple(new[start : start + OUTCOMES_PER_EVENT_MAX]),
        )
        for start in range(0, len(new), OUTCOMES_PER_EVENT_MAX)
    ]
    after = _with(state.results, new)
    if None not in after and (isinstance(state, Working) or after != state.results):
        events.append(_completed(command.remittance_id, state, after))
    return events


def _check_claims(command: SettleClaims, claim_count: int) -> None:
    claims = [outcome.claim for outcome in command.outcomes]
    for claim in claims:
        if not 0 <= claim < claim_count:
            raise Invalid(
                f"remittance {command.remittance_id} has no claim {claim}: "
                f"its {claim_count} claims count from 0"
            )
    if len(set(claims)) != len(claims):
        raise Invalid("a claim is named twice in outcomes: name each once")


def _is_news(outcome: ClaimOutcome, state: RemittanceState) -> bool:
    known = state.results[outcome.claim]
    # A parked claim may still be posted; what is posted or denied stays so.
    return known is None or (known is ClaimResult.PARKED and outcome.result is not known)


def _with(
    results: tuple[ClaimResult | None, ...], outcomes: list[ClaimOutcome]
) -> tuple[ClaimResult | None, ...]:
    after = list(results)
    for outcome in outcomes:
        after[outcome.claim] = outcome.result
    return tuple(after)


def _completed(
    remittance_id: RemittanceId,
    state: RemittanceState,
    results: tuple[ClaimResult | None, ...],
) -> RemittanceCompleted:
    parked_minor = sum(
        paid_minor
        for paid_minor, result in zip(state.paid_minor, results, strict=True)
        if result is ClaimResult.PARKED
    )
    return RemittanceCompleted(
        remittance_id=remittance_id,
        posted=Money.of(sum(state.paid_minor) - parked_minor, state.currency),
        parked=Money.of(parked_minor, state.currency),
        claim_count=len(results),
        denied_count=results.count(ClaimResult.DENIED),
        parked_count=results.count(ClaimResult.PARKED),
    )


def evolve(state: RemittanceState | None, event: RemittanceEvent) -> RemittanceState | None:
    """The remittance after an event."""
    match event, state:
        case RemittanceReceived(), _:
            return Working(
                digest=digest_of(event),
                currency=event.total.currency,
                paid_minor=tuple(claim.paid.minor for claim in event.claims),
                results=(None,) * len(event.claims),
            )
        case RemittanceClaimsSettled(), Working() | Completed():
            return Working(
                digest=state.digest,
                currency=state.currency,
                paid_minor=state.paid_minor,
                results=_with(state.results, list(event.outcomes)),
            )
        case RemittanceCompleted(), Working():
            return Completed(
                digest=state.digest,
                currency=state.currency,
                paid_minor=state.paid_minor,
                results=tuple(result for result in state.results if result is not None),
            )
        case _:
            return state


REMITTANCE = Decider("rem", decide, evolve, RemittanceState)
