"""The stream against the log: what is missing, doubled, changed or foreign is found and named."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from relay.connection import Client
from relay.jetstream import StreamSettings, ask, create_stream, delete_stream, events_config
from relay.publisher import run_publisher
from relay.retained import Bounds, RetainedStream, open_retained
from services.audit.findings import Check, Finding
from services.audit.verify import Report
from tests.fixtures.audited import CHARGE, HEAD, OTHER, AuditedLedger, brief, capture
from tests.fixtures.relaying import take_lease
from tests.fixtures.streams import Stored, stored
from tests.fixtures.waiting import until

CHARGE_POSITION = 4


@pytest.fixture
async def published(
    audited: AuditedLedger, client: Client, streams: StreamSettings
) -> AuditedLedger:
    """The ledger with its stream, as the relay made it."""
    pool = await audited.database.pool("daybook_sequencer")
    lease = await take_lease(pool, "relay.publisher", "test")
    publishing = asyncio.create_task(run_publisher(pool, client, lease, streams))

    async def is_noted() -> bool:
        progress = "SELECT position FROM relay_progress WHERE stream = $1"
        return bool(await audited.admin.fetchval(progress, streams.events) == HEAD)

    await until(is_noted)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    return audited


@pytest.fixture
async def stream(client: Client, streams: StreamSettings) -> AsyncIterator[RetainedStream]:
    async with open_retained(client, streams) as stream:
        yield stream


async def findings(ledger: AuditedLedger, stream: RetainedStream) -> list[Finding]:
    return await ledger.findings(stream=stream)


def checked(report: Report) -> int:
    return next(count.checked for count in report.checks if count.check is Check.STREAM)


async def publish_anew(
    client: Client,
    streams: StreamSettings,
    change: Callable[[list[Stored]], Sequence[Stored]],
    first: int = 1,
) -> None:
    """Somebody else makes the stream again, with what `change` makes of its messages."""
    messages = change(await stored(client, streams.events))
    await delete_stream(client, streams.events)
    await create_stream(client, events_config(streams) | {"first_seq": first})
    jetstream = client.jetstream()
    for message in messages:
        headers = {name: text for name, text in message.headers.items() if "Batch" not in name}
        headers.pop("Nats-Expected-Last-Sequence", None)
        await jetstream.publish(message.subject, message.payload, headers=headers)


async def test_a_whole_stream_is_well(published: AuditedLedger, stream: RetainedStream) -> None:
    report = await published.verify(stream=stream)
    assert report.findings == ()
    assert checked(report) == HEAD


async def test_a_missing_message_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client
) -> None:
    request = {"seq": CHARGE_POSITION}
    await ask(client, f"STREAM.MSG.DELETE.{stream.name}", request, answer=dict[str, Any])
    (finding,) = await findings(published, stream)
    assert brief([finding]) == [(Check.STREAM, 4, CHARGE, "the message is missing")]
    assert (finding.version, finding.expected) == (1, f"{CHARGE}-1")


async def test_the_last_message_missing_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client
) -> None:
    await ask(client, f"STREAM.MSG.DELETE.{stream.name}", {"seq": HEAD}, answer=dict[str, Any])
    (finding,) = await findings(published, stream)
    assert (finding.check, finding.position) == (Check.STREAM, HEAD)


async def test_a_message_behind_the_end_of_the_log_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    last = (await stored(client, streams.events))[-1]
    await client.jetstream().publish(last.subject, last.payload)
    (finding,) = await findings(published, stream)
    what = "messages stand behind the end of the log"
    assert brief([finding]) == [(Check.STREAM, HEAD + 1, None, what)]
    assert (finding.expected, finding.found) == (str(HEAD), str(HEAD + 1))


async def test_a_doubled_message_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    """The message of position 4 stands at position 10 as well, in place of the one that was."""

    def double(messages: list[Stored]) -> list[Stored]:
        original = messages[CHARGE_POSITION - 1]
        again = {**original.headers, "Nats-Msg-Id": "another"}
        doubled = original._replace(headers=again)
        return [*messages[:9], doubled, *messages[10:]]

    await publish_anew(client, streams, double)
    found = await findings(published, stream)
    assert {(one.check, one.position) for one in found} == {(Check.STREAM, 10)}
    assert [one.what for one in found] == ["Nats-Msg-Id", "ce-id", "ce-sequence", "body"]
    assert [one.found for one in found[1:3]] == [f"{CHARGE}-1", f"{CHARGE_POSITION:020}"]


async def test_messages_that_changed_places_are_found(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    def swap(messages: list[Stored]) -> list[Stored]:
        return [messages[1], messages[0], *messages[2:]]

    await publish_anew(client, streams, swap)
    found = await findings(published, stream)
    assert {(one.position, one.what) for one in found} == {
        (position, what)
        for position in (1, 2)
        for what in ("Nats-Msg-Id", "ce-id", "ce-type", "ce-sequence", "subject", "body")
    }


async def test_a_changed_body_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    def forge(messages: list[Stored]) -> list[Stored]:
        forged = messages[3]._replace(payload=messages[3].payload.replace(b"12500", b"99999"))
        return [*messages[:3], forged, *messages[4:]]

    await publish_anew(client, streams, forge)
    (finding,) = await findings(published, stream)
    assert brief([finding]) == [(Check.STREAM, 4, CHARGE, "body")]
    assert finding.found is not None
    assert "99999" in finding.found


async def test_what_retention_took_is_not_missed(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    await publish_anew(client, streams, lambda messages: messages[5:], first=6)
    report = await published.verify(stream=stream)
    assert report.findings == ()
    assert checked(report) == HEAD - 5


async def test_what_the_relay_has_not_published_is_not_missed(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    await publish_anew(client, streams, lambda messages: messages[:8])
    assert {one.position for one in await findings(published, stream)} == {9, 10, 11}
    await published.admin.execute("UPDATE relay_progress SET position = 8")
    assert await findings(published, stream) == []


@pytest.mark.parametrize(
    ("statement", "progress"),
    [("UPDATE relay_progress SET position = 2", 2), ("DELETE FROM relay_progress", 0)],
)
async def test_a_message_that_the_relay_says_nothing_about_is_missed(
    published: AuditedLedger,
    stream: RetainedStream,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    progress: int,
) -> None:
    monkeypatch.setattr("services.audit.published.NOTED_SECONDS_MAX", 0)
    request = {"seq": CHARGE_POSITION}
    await ask(client, f"STREAM.MSG.DELETE.{stream.name}", request, answer=dict[str, Any])
    await published.damage(statement)
    behind, missing = await findings(published, stream)
    what = "the relay's progress is behind the stream"
    assert brief([behind]) == [(Check.STREAM, progress + 1, None, what)]
    assert (behind.expected, behind.found) == (str(HEAD), str(progress))
    assert brief([missing]) == [(Check.STREAM, 4, CHARGE, "the message is missing")]


async def test_progress_beyond_the_log_is_found(
    published: AuditedLedger, stream: RetainedStream
) -> None:
    await published.damage("UPDATE relay_progress SET position = 99")
    (finding,) = await findings(published, stream)
    what = "the relay's progress is beyond the log"
    assert brief([finding]) == [(Check.STREAM, HEAD + 1, None, what)]


async def test_publishing_during_the_audit_gives_no_false_finding(
    published: AuditedLedger, stream: RetainedStream, client: Client, streams: StreamSettings
) -> None:
    """Also when the leader before had died without noting what was acknowledged to it."""
    await published.damage("UPDATE relay_progress SET position = 3")
    pool = await published.database.pool("daybook_sequencer")
    lease = await take_lease(pool, "relay.publisher", "next")
    publishing = asyncio.create_task(run_publisher(pool, client, lease, streams))
    done = asyncio.Event()

    async def go_on() -> None:
        number = 1_000
        while not done.is_set():
            await published.execute([capture(OTHER, number + step) for step in range(50)])
            await published.sequence()
            number += 50

    writing = asyncio.create_task(go_on())
    auditor = await published.database.pool("daybook_auditor")
    try:
        for _ in range(4):
            report = await published.verify_with(auditor, stream=stream)
            assert report.findings == ()
    finally:
        done.set()
        await writing
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


async def test_a_stream_that_is_gone_is_found(
    published: AuditedLedger, stream: RetainedStream, client: Client
) -> None:
    await delete_stream(client, stream.name)
    (finding,) = await findings(published, stream)
    assert (finding.check, finding.what) == (Check.STREAM, f"there is no stream {stream.name}")
    assert finding.expected == f"positions up to {HEAD}"


async def test_a_stream_that_was_never_made_is_well(
    audited: AuditedLedger, stream: RetainedStream
) -> None:
    report = await audited.verify(stream=stream)
    assert (report.findings, checked(report)) == ((), 0)


async def test_batches_of_the_stream_are_joined_without_a_seam(
    published: AuditedLedger, stream: RetainedStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.retained.BATCH_MESSAGES_MAX", 3)
    messages = await stream.read(1, HEAD)
    assert [message.sequence for message in messages] == list(range(1, HEAD + 1))
    assert [message.sequence for message in await stream.read(5, 9)] == [5, 6, 7, 8, 9]
    assert [message.sequence for message in await stream.read(HEAD, HEAD + 5)] == [HEAD]
    assert await stream.read(HEAD + 1, HEAD + 5) == []
    assert await stream.bounds() == Bounds(1, HEAD)
    assert (await stream.holds(HEAD), await stream.holds(HEAD + 1)) == (True, False)
    assert (await published.verify(stream=stream)).is_well
