"""What happens to a run of statements: everybody's statement as of a day, made and delivered."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.event import Event
from contracts.ids import RunId


class DeliveryChannel(StrEnum):
    """How a document reaches its customer."""

    EMAIL = "email"
    SMS = "sms"
    PRINT = "print"


class StatementStarted(Event, frozen=True, kw_only=True):
    """Somebody asked for the statements of a facility, or of all, as of a day."""

    run_id: RunId
    facility: Annotated[str | None, Meta(description="only its accounts; null: of all")] = None
    first_on: Annotated[date, Meta(description="first posting date of the statements")]
    as_of: Annotated[date, Meta(description="their last posting date, which ages are of")]
    channels: Annotated[
        tuple[DeliveryChannel, ...],
        Meta(description="how they may be delivered; none: they are made and kept alone"),
    ] = ()


class StatementCompleted(Event, frozen=True, kw_only=True):
    """Every account was seen to: how many, and a digest of what each of them got."""

    run_id: RunId
    total: Annotated[int, Meta(description="accounts")]
    delivered: int
    made: Annotated[int, Meta(description="made and kept, but delivered to nobody")]
    skipped: Annotated[int, Meta(description="without activity, and nothing is owed either way")]
    failed: int
    digest: Annotated[
        str,
        Meta(
            description="SHA-256 over `<account> <outcome> <SHA-256 of the PDF, or ->` in the order"
            " of the accounts, one a line, each ended by \\n"
        ),
    ]


class StatementFailed(Event, frozen=True, kw_only=True):
    """The run ended before every account was seen to."""

    run_id: RunId
    code: str
    detail: Annotated[str, Meta(description="what is wrong and what to do about it")]
