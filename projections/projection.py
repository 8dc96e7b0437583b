"""What a projection is, and the table of all there are."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Final

import msgspec

from projections import (
    account_balances,
    general_ledger,
    gl_exports,
    invoices,
    payments,
    refunds,
    statement_runs,
)
from projections.recorded import Recorded
from projections.statements import AnyConnection, sql


class Poison(Enum):
    """What becomes of an event that cannot be applied."""

    HALT = auto()
    """Stop there and say so: for whatever adds up money."""
    PARK = auto()
    """Set it aside, later events of its key behind it, and go on."""


def _partition_key(recorded: Recorded) -> str:
    return recorded.partition_key


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """A read model of the log. A change of its tables or of `apply` takes the next VERSION."""

    name: str
    version: int
    apply: Callable[[Sequence[Recorded], AnyConnection], Awaitable[None]]
    """Writes a batch of consecutive events, one set-based statement a table."""
    schema: str
    """SQL that makes the tables; the main one first, which is the order that queries name them."""
    sums: str
    """SQL with rows (tenant, currency, measure, value), by which two builds are compared."""
    poison: Poison = Poison.HALT
    key: Callable[[Recorded], str] = _partition_key
    """What keeps its order when an event is parked."""


REGISTRY: Final = (
    Projection(
        name="account_balances",
        version=account_balances.VERSION,
        apply=account_balances.apply,
        schema=sql("account_balances"),
        sums=sql("account_balances_sums"),
    ),
    Projection(
        name="invoices",
        version=invoices.VERSION,
        apply=invoices.apply,
        schema=sql("invoices"),
        sums=sql("invoices_sums"),
    ),
    Projection(
        name="payments",
        version=payments.VERSION,
        apply=payments.apply,
        schema=sql("payments"),
        sums=sql("payments_sums"),
    ),
    Projection(
        name="refunds",
        version=refunds.VERSION,
        apply=refunds.apply,
        schema=sql("refunds"),
        sums=sql("refunds_sums"),
    ),
    Projection(
        name="general_ledger",
        version=general_ledger.VERSION,
        apply=general_ledger.apply,
        schema=sql("general_ledger"),
        sums=sql("general_ledger_sums"),
    ),
    Projection(
        name="gl_exports",
        version=gl_exports.VERSION,
        apply=gl_exports.apply,
        schema=sql("gl_exports"),
        sums=sql("gl_exports_sums"),
    ),
    Projection(
        name="statement_runs",
        version=statement_runs.VERSION,
        apply=statement_runs.apply,
        schema=sql("statement_runs"),
        sums=sql("statement_runs_sums"),
    ),
)


class UnknownProjection(LookupError):
    """A name that the registry does not have."""


def projection_named(name: str, registry: Sequence[Projection] = REGISTRY) -> Projection:
    """The projection of that name; raises UnknownProjection."""
    for projection in registry:
        if projection.name == name:
            return projection
    names = ", ".join(projection.name for projection in registry)
    raise UnknownProjection(f"there is no projection {name!r}; there are {names}")
