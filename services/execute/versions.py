"""A command is decided on the version of the account that its caller read, if it named one."""

from contracts.ids import AccountId
from domain.book import Book
from domain.decider import Decision, Rejected
from services.commands import BY_COMMAND
from services.execute.envelope import Envelope


class AccountVersionConflict(Rejected):
    """The caller named a version of the account that is not the current one."""

    code = "ACCOUNT_VERSION_CONFLICT"


def decide(envelope: Envelope, book: Book) -> Decision:
    """What a command decides, be it done or only looked at; raises Rejected."""
    spec = BY_COMMAND[type(envelope.command)]
    if envelope.expected_version is not None:
        account_id, stream_id = spec.account(envelope.command), spec.stream(envelope.command)
        _check_version(envelope.expected_version, account_id, stream_id, book)
    return spec.decider.decide(envelope.command, book)


def _check_version(expected: int, named: str | None, stream_id: str, book: Book) -> None:
    """Go on only with the current version; raises AccountVersionConflict."""
    account_id = named or getattr(book.states.get(stream_id), "account_id", None)
    if account_id is None:
        return  # Of no account, or of none that is there: the decider says what is missing.
    head = book.account(AccountId(account_id))
    if head.version != expected:
        raise AccountVersionConflict(
            f"account {account_id} is at version {head.version}, not {expected}: read it again"
        )
