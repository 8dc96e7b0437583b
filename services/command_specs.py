"""What a table of commands says of each: its decider, stream, account, what it needs, scope."""

from collections.abc import Callable
from enum import Flag, auto
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


class Spec(NamedTuple):
    """How a command is executed and who may send it."""

    command: type
    decider: Decider
    stream: Callable[[Any], str]
    account: Callable[[Any], str | None]
    needs: Needs
    scope: str


def no_account(_command: Any) -> None:
    """Of a command that works under no account's lock."""
    return


def own_account(command: Any) -> str | None:
    """The account that a command names; None where the head of its stream does."""
    return command.account_id  # type: ignore[no-any-return]  # commands are told apart by the table
