"""Which invoice a payer's claim is for: the one it names, or the first of its encounter.

The first invoice, even when an encounter has several: then it does not matter whether the
remittance or the mended rest of the encounter came first.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from contracts.ids import AccountId, EncounterId, InvoiceId
from contracts.remittance import RemittanceClaim
from domain import naming
from domain.encounter import Billed
from domain.invoice import Draft, Void
from services.sagas.ledger import Connection, read_numbers, read_states


class Invoiced(NamedTuple):
    """The issued invoice of a claim."""

    invoice_id: InvoiceId
    account_id: AccountId


class NotYet(NamedTuple):
    """No issued invoice yet; the claim can be matched once one of `awaits` is issued."""

    awaits: tuple[str, ...]


class Nothing(NamedTuple):
    """The claim's encounter is billed and has no invoice of its own."""

    encounter_id: str


class Voided(NamedTuple):
    """The claim's invoice was voided: what to do with the payer's money is for a person to say."""

    number: str


Match = Invoiced | NotYet | Nothing | Voided


async def match_claims(
    connection: Connection, tenant: str, claims: Sequence[RemittanceClaim]
) -> list[Match]:
    """The match of each claim."""
    named = [claim.invoice for claim in claims if claim.invoice and not _is_id(claim.invoice)]
    numbers = await read_numbers(connection, tenant, named) if named else {}
    wanted: set[str] = set()
    for claim in claims:
        wanted.update(_invoice_ids(tenant, claim, numbers), _encounter_ids(tenant, claim))
    states = await read_states(connection, tenant, wanted)
    return [_match(tenant, claim, numbers, states) for claim in claims]


def _match(
    tenant: str, claim: RemittanceClaim, numbers: dict[str, str], states: dict[str, Any]
) -> Match:
    for invoice_id in _invoice_ids(tenant, claim, numbers):
        match states.get(invoice_id):
            case None:
                continue
            case Draft():
                break
            case Void(number=number):
                return Voided(number)
            case state:
                return Invoiced(InvoiceId(invoice_id), state.account_id)
    for encounter_id in _encounter_ids(tenant, claim):
        if isinstance(state := states.get(encounter_id), Billed) and not state.invoice_ids:
            return Nothing(encounter_id)
    return NotYet(awaits(tenant, claim))


def awaits(tenant: str, claim: RemittanceClaim) -> tuple[str, ...]:
    """Everything whose issuing may match the claim: invoice ids and a number."""
    named = (claim.invoice,) if claim.invoice else ()
    return (*named, *_first_invoices(tenant, claim))


def _invoice_ids(tenant: str, claim: RemittanceClaim, numbers: dict[str, str]) -> list[str]:
    """The invoices that the claim may be for, the best first."""
    named = claim.invoice
    if named is not None and not _is_id(named):
        named = numbers.get(named)
    # A payer knows only numbers that were issued: behind an unknown one the encounter may help.
    return [*([] if named is None else [named]), *_first_invoices(tenant, claim)]


def _first_invoices(tenant: str, claim: RemittanceClaim) -> list[str]:
    return [
        naming.encounter_invoice_id(encounter_id, 0)
        for encounter_id in _encounter_ids(tenant, claim)
    ]


def _encounter_ids(tenant: str, claim: RemittanceClaim) -> list[EncounterId]:
    """An encounter is named after its claim where the sender has one, otherwise after itself."""
    keys = dict.fromkeys(key for key in (claim.claim_ref, claim.encounter_ref) if key)
    return [naming.encounter_id(tenant, key) for key in keys]


def _is_id(invoice: str) -> bool:
    return invoice.startswith("inv_")
