"""The stream against the log: every retained position once, with the stored body and its names."""

import asyncio
from collections.abc import Sequence
from typing import Final

from contracts.bus import SEQUENCE_DIGITS, subject_of
from contracts.cloudevent import to_header
from contracts.ids import event_id
from projections.statements import AnyConnection
from relay.retained import Retained, RetainedStream
from services.audit.bodies import place
from services.audit.findings import Check, Findings
from services.audit.pages import Row

# The relay notes its progress behind JetStream's ack, and what a crash kept it from noting when it
# starts again; so long it may take.
NOTED_SECONDS_MAX: Final = 10.0
_POLL_SECONDS: Final = 0.05
_PROGRESS: Final = "SELECT position FROM daybook.relay_progress WHERE stream = $1"


class Published:
    """Compares the stream from what its retention left to where it ends, or should end by what
    the relay has noted: neither is believed alone."""

    def __init__(self, findings: Findings, stream: RetainedStream) -> None:
        self._findings = findings
        self._stream = stream
        self._first = 1
        self._until = 0

    async def start(self, connection: AnyConnection, head: int) -> None:
        """See what the stream should hold of a log with this head."""
        progress = await self._progress(connection)
        bounds = await self._stream.bounds()
        if bounds is None and progress:
            self._findings.add(
                Check.STREAM,
                f"there is no stream {self._stream.name}",
                expected=f"positions up to {progress}",
            )
        if bounds is not None:
            self._first = bounds.first
            self._until = min(head, max(progress, bounds.last))

    async def _progress(self, connection: AnyConnection) -> int:
        return int(await connection.fetchval(_PROGRESS, self._stream.name) or 0)

    async def take(self, rows: Sequence[Row]) -> None:
        """Compare a page; what retention takes away meanwhile is not missed."""
        wanted = [row for row in rows if self._first <= row["position"] <= self._until]
        if not wanted:
            return
        first, last = wanted[0]["position"], wanted[-1]["position"]
        held = {message.sequence: message for message in await self._stream.read(first, last)}
        self._findings.checked(Check.STREAM, len(wanted))
        for row in wanted:
            message = held.get(row["position"])
            if message is not None:
                self._compare(row, message)
            elif await self._is_missing(row["position"]):
                named = event_id(row["stream_id"], row["version"])
                self._findings.add(
                    Check.STREAM, "the message is missing", **place(row), expected=named
                )

    async def _is_missing(self, position: int) -> bool:
        """Whether neither the leader has it nor retention took it since."""
        if await self._stream.holds(position):
            return False
        bounds = await self._stream.bounds()
        return bounds is None or position >= bounds.first

    def _compare(self, row: Row, message: Retained) -> None:
        if row["type"] is None:
            return  # the log has no event to compare with, which is a finding of its own
        named = to_header(event_id(row["stream_id"], row["version"]))
        expected = {
            "Nats-Msg-Id": named,
            "ce-id": named,
            "ce-type": row["type"],
            "ce-sequence": f"{row['position']:0{SEQUENCE_DIGITS}}",
        }
        for name, value in expected.items():
            found = message.headers.get(name)
            if found != value:
                self._add(row, name, value, found)
        subject = subject_of(row["tenant"], row["partition"], row["type"])
        if message.subject != self._stream.subject(subject):
            self._add(row, "subject", self._stream.subject(subject), message.subject)
        if message.payload != row["body"]:
            self._add(row, "body", _text(row["body"]), _text(message.payload))

    def _add(self, row: Row, what: str, expected: str, found: str | None) -> None:
        self._findings.add(Check.STREAM, what, **place(row), expected=expected, found=found)

    async def finish(self, connection: AnyConnection) -> None:
        """Nothing may stand in the stream behind the log, and the relay's progress is what the
        stream holds. Both go on while they are audited: the connection must see them as of now."""
        progress = await self._progress(connection)
        bounds = await self._stream.bounds()
        head = await connection.fetchval("SELECT position FROM daybook.log_head") or 0
        if progress > head:
            what = "the relay's progress is beyond the log"
            self._ends(what, head + 1, expected=head, found=progress)
        if bounds is None:
            return
        if bounds.last > head:
            what = "messages stand behind the end of the log"
            self._ends(what, head + 1, expected=head, found=bounds.last)
        last = min(bounds.last, head)
        progress = await self._noted(connection, last)
        if progress < last:
            what = "the relay's progress is behind the stream"
            self._ends(what, progress + 1, expected=last, found=progress)

    async def _noted(self, connection: AnyConnection, last: int) -> int:
        """The relay's progress, as soon as it is there or has had its time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + NOTED_SECONDS_MAX
        while True:
            progress = await self._progress(connection)
            if progress >= last or loop.time() >= until:
                return progress
            await asyncio.sleep(_POLL_SECONDS)

    def _ends(self, what: str, position: int, *, expected: int, found: int) -> None:
        self._findings.add(
            Check.STREAM, what, position=position, expected=str(expected), found=str(found)
        )


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
