"""What a projection is, and the table of all there are."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from projections import (
    account_balances,
    bills,
    general_ledger,
    gl_exports,
    invoices,
    payments,
    periods,
    refunds,
    statement_runs,
    workflow_runs,
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


class _Module(Protocol):
    """A module that applies events to the tables of its name."""

    @property
    def __name__(self) -> str: ...
    @property
    def VERSION(self) -> int: ...  # noqa: N802, as constants are named
    @property
    def apply(self) -> Callable[[Sequence[Recorded], AnyConnection], Awaitable[None]]: ...


def _of(module: _Module) -> Projection:
    """The projection that a module of its name applies, with its SQL beside it."""
    name = module.__name__.rpartition(".")[2]
    return Projection(
        name=name,
        version=module.VERSION,
        apply=module.apply,
        schema=sql(name),
        sums=sql(f"{name}_sums"),
    )


REGISTRY: Final = tuple(
    _of(module)
    for module in (
        account_balances,
        invoices,
        payments,
        refunds,
        general_ledger,
        gl_exports,
        statement_runs,
        bills,
        periods,
        workflow_runs,
    )
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
