"""A customer's credit over HTTP: allocate it to invoices, read what was allocated."""

from datetime import date
from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.credit import CreditAllocated
from contracts.ids import AccountId, CreditAllocationId
from contracts.money import Money
from contracts.payment import Allocation
from domain.credit import AllocateCredit
from services.api.body import Amount
from services.api.calls import Call
from services.api.ledger import Ledger, Recorded
from services.api.parameters import AccountPath, CreditAllocationPath
from services.api.payment_bodies import ALLOCATIONS_MAX, WantedAllocation, wanted_allocations
from services.api.problems import Problem
from services.api.reading import Reading
from services.api.routes import command, created, query


class AllocateCreditRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Settle invoices from the customer's credit; an empty body uses all of it."""

    amount: Annotated[Amount | None, Meta(description="the most to use; all if left out")] = None
    allocations: Annotated[
        Annotated[tuple[WantedAllocation, ...], Meta(min_length=1, max_length=ALLOCATIONS_MAX)]
        | None,
        Meta(description="what to settle; the oldest invoices first if left out"),
    ] = None


class CreditAllocation(msgspec.Struct, frozen=True, kw_only=True):
    """Credit that settled invoices, and what was owed on none."""

    credit_allocation_id: CreditAllocationId
    account_id: AccountId
    amount: Annotated[
        Money, Meta(description="all of it: what is in no allocation was owed on no invoice")
    ]
    allocations: tuple[Allocation, ...]
    booked_on: Annotated[date, Meta(description="the posting date")]
    version: Annotated[int, Meta(description="version of the allocation")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/accounts/{account_id:str}/credit-allocations",
    AllocateCredit,
    summary="Allocate credit",
    codes=("NOT_FOUND", "CURRENCY_UNSUPPORTED", "STATE_CONFLICT", "ALREADY_EXISTS"),
)
async def allocate_credit(
    data: JSONBody[AllocateCreditRequest], call: NamedDependency[Call], account_id: AccountPath
) -> Response[CreditAllocation]:
    """Settles the named invoices, or the oldest outstanding ones; never more than the credit."""
    allocated = await call.execute(
        data,
        AllocateCredit(
            credit_allocation_id=CreditAllocationId(call.new_id("crd")),
            account_id=AccountId(account_id),
            amount=data.amount.money if data.amount else None,
            allocations=wanted_allocations(data.allocations),
        ),
    )
    allocation = _allocation(allocated)
    place = f"/v1/accounts/{account_id}/credit-allocations/{allocation.credit_allocation_id}"
    return created(place, allocation, allocated)


@query(
    "/accounts/{account_id:str}/credit-allocations/{credit_allocation_id:str}",
    summary="Read an allocation of credit",
    codes=("NOT_FOUND",),
)
async def get_credit_allocation(
    reading: NamedDependency[Reading],
    ledger: NamedDependency[Ledger],
    account_id: AccountPath,
    credit_allocation_id: CreditAllocationPath,
) -> CreditAllocation:
    """The allocation as it stands in the log; what was allocated can be read at once."""
    allocation = _allocation(await ledger.find(reading.tenant, credit_allocation_id))
    if allocation.account_id != account_id:
        raise Problem("NOT_FOUND", f"account {account_id} has no {credit_allocation_id}")
    return allocation


def _allocation(allocated: Recorded) -> CreditAllocation:
    event: CreditAllocated = allocated.event
    return CreditAllocation(
        credit_allocation_id=event.credit_allocation_id,
        account_id=event.account_id,
        amount=event.amount,
        allocations=event.allocations,
        booked_on=event.booked_on,
        version=allocated.version,
        token=allocated.token,
    )
