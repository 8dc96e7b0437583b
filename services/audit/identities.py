"""Identities: what a repeated message or request is answered with names events that are there, and
every event that a message led to is in the inbox under that message.

Answers expire, so one that is missing says nothing; rows of the inbox are kept for ever.
"""

from collections.abc import Sequence
from typing import Final

from contracts.columns import columns
from contracts.event import Metadata
from contracts.ids import event_id, split_event_id
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known, metadata_of, place
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import Row, sql
from services.intake.translation import CONSUMER

_BUS: Final = "bus:"
_TAKEN: Final = sql("taken")
_UNFOUNDED: Final = {
    Check.INBOX: sql("unfounded_inbox"),
    Check.ANSWERS: sql("unfounded_answers"),
}
_COUNTS: Final = {
    Check.INBOX: "SELECT count(*) FROM daybook.billing_inbox",
    Check.ANSWERS: "SELECT count(*) FROM daybook.billing_idempotency",
}


class Identities:
    """Looks each message up as its first event comes by."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._broken = bodies.broken

    async def take(self, connection: AnyConnection, known: Known) -> None:
        """Check that the messages of a page's events were taken."""
        wanted: dict[tuple[str, str, str, str], tuple[Row, Metadata]] = {}
        for _, row in known:
            metadata = metadata_of(row["metadata"])
            if metadata is None or metadata.causation_id is None:
                continue
            if metadata.actor.startswith(_BUS):
                source = metadata.actor.removeprefix(_BUS)
                key = (row["tenant"], CONSUMER, source, metadata.causation_id)
                wanted.setdefault(key, (row, metadata))
        if not wanted:
            return
        found = await connection.fetch(_TAKEN, *columns(list(wanted), "tttt"))
        for (key, (row, metadata)), taken in zip(wanted.items(), found, strict=True):
            self._compare(key, row, metadata, taken)

    def _compare(self, key: Sequence[str], row: Row, metadata: Metadata, taken: Row) -> None:
        what = _message(key)
        if taken["stream_id"] is None:
            event = event_id(row["stream_id"], row["version"])
            self._add(row, f"{what} is not in the inbox", event, None)
        elif taken["metadata"] is not None and metadata_of(taken["metadata"]) != metadata:
            named = f"an event of {metadata.command} by {what}"
            self._add(row, f"what {what} made", named, taken["token"])
        elif taken["recorded_at"] != row["recorded_at"]:
            expected, found = str(row["recorded_at"]), str(taken["recorded_at"])
            self._add(row, f"recorded_at of {what}", expected, found)

    def _add(self, row: Row, what: str, expected: str | None, found: str | None) -> None:
        self._findings.add(Check.INBOX, what, **place(row), expected=expected, found=found)

    async def finish(self, connection: AnyConnection) -> None:
        """Find rows whose result is no event, or whose token is none."""
        for check, statement in _UNFOUNDED.items():
            self._findings.checked(check, await connection.fetchval(_COUNTS[check]))
            for row in await connection.fetch(statement, FINDINGS_KEPT_MAX):
                self._unfounded(check, *row)

    def _unfounded(
        self, check: Check, tenant: str, identity: list[str], named: str, is_token: bool
    ) -> None:
        try:
            stream_id, version = split_event_id(named)
        except ValueError:
            stream_id, version = None, None
        if (tenant, stream_id) in self._broken:
            return  # its event is gone, which is the finding
        what = "token" if is_token else "result"
        self._findings.add(
            check,
            f"the {what} of {' '.join(identity)} is no event",
            tenant=tenant,
            stream_id=stream_id,
            version=version,
            found=named,
        )


def _message(key: Sequence[str]) -> str:
    _, _, source, message_id = key
    return f"message {message_id} of {source}"
