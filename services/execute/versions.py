"""The version of the account that a caller read before it sent its command (If-Match)."""

from contracts.ids import AccountId
from domain.book import Book
from domain.decider import Rejected


class AccountVersionConflict(Rejected):
    """The caller named a version of the account that is not the current one."""

    code = "ACCOUNT_VERSION_CONFLICT"


def check_version(expected: int, named: str | None, stream_id: str, book: Book) -> None:
    """Go on only with the current version; raises AccountVersionConflict."""
    account_id = named or getattr(book.states.get(stream_id), "account_id", None)
    if account_id is None:
        return  # Of no account, or of none that is there: the decider says what is missing.
    head = book.account(AccountId(account_id))
    if head.version != expected:
        raise AccountVersionConflict(
            f"account {account_id} is at version {head.version}, not {expected}: read it again"
        )
