"""What happens to a message that the intake could not take: kept whole, listed, retried."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from contracts.event import Event
from contracts.ids import RejectionId


class IntakeRejected(Event, frozen=True, kw_only=True):
    """A message was malformed or refused; it is kept sealed and can be mended and retried."""

    rejection_id: RejectionId
    subject: Annotated[str, Meta(description="the subject it arrived on")]
    source: str | None = None
    message_id: str | None = None
    message_type: str | None = None
    code: Annotated[str, Meta(description="a stable error code", examples=["VALIDATION_FAILED"])]
    detail: str
    received_at: Annotated[datetime, Meta(tz=True)]


class IntakeRetried(Event, frozen=True, kw_only=True):
    """A rejected message was sent again, as it was or mended."""

    rejection_id: RejectionId
    message_id: str


class IntakeDiscarded(Event, frozen=True, kw_only=True):
    """Somebody decided that a rejected message is not needed."""

    rejection_id: RejectionId
    reason: str
