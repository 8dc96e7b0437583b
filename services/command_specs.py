"""What a table of commands says of each: its decider, stream, account, what it needs, scope."""

from collections.abc import Callable
from enum import Flag, auto
from operator import attrgetter
from typing import Any, NamedTuple

from domain.decider import Decider


class Needs(Flag):
    """What is loaded for a decision besides the named stream and account."""

    NOTHING = 0
    OPEN_CHARGES = auto()
    OPEN_INVOICES = auto()
    PRICE = auto()
    WINDOWS = auto()
    NUMBER = auto()
    CORRECTED = auto()
    """The invoice with its lines, and what stands adjusted on it."""
    REFUNDS = auto()
    """What of the payment was given back, or is asked for."""
    LINES = auto()
    """The charges of the draft."""
    CARDS = auto()
    """The saved cards of the account."""
    UNALLOCATED = auto()
    """What the account owes on no invoice."""
    HELD = auto()
    """The credit that refunds hold."""
    OWED = OPEN_INVOICES | UNALLOCATED


class Spec(NamedTuple):
    """How a command is executed and who may send it."""

    command: type
    decider: Decider
    stream: Callable[[Any], str]
    account: Callable[[Any], str | None]
    needs: Needs
    scope: str


def on_account(
    command: type, decider: Decider, stream: str, scope: str, needs: Needs = Needs.NOTHING
) -> Spec:
    """A command on an account that it names, and whose lock guards it."""
    return Spec(command, decider, attrgetter(stream), attrgetter("account_id"), needs, scope)


def alone(
    command: type, decider: Decider, stream: str, scope: str, needs: Needs = Needs.NOTHING
) -> Spec:
    """A command on a stream of its own."""
    return Spec(command, decider, attrgetter(stream), _no_account, needs, scope)


def _no_account(_command: Any) -> None:
    return None
