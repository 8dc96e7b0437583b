"""Files sent to the intake: whatever cannot be read or sent is named, and the rest arrives."""

import os
from pathlib import Path

from contracts.cloudevent import CloudEvent, to_structured
from relay.connection import Client
from relay.jetstream import StreamSettings, ensure_intake
from relay.reader import ordered_feed
from services.intake.sending import Producer
from tests.fixtures.fhir_bundles import PATIENT, VISIT, bundle, claim, item

MODIFIERS = [{"coding": [{"system": "urn:s", "code": f"{number:02}" * 32}]} for number in range(16)]


def line(name: str, type_: str = "some.type.v1", data: bytes = b"{}") -> bytes:
    event = CloudEvent(
        id=name, source="/files", type=type_, datacontenttype="application/json", data=data
    )
    return to_structured(event) + b"\n"


async def test_what_cannot_be_read_or_sent_is_named_and_the_rest_arrives(
    client: Client, streams: StreamSettings, tmp_path: Path
) -> None:
    await ensure_intake(client, streams)
    large = b'"%b"' % (b"x" * client.max_payload)
    mixed, pipe = tmp_path / "mixed.jsonl", tmp_path / "binary"
    mixed.write_bytes(
        line("one")
        + b"no JSON\n\n"
        + line("large", data=large)
        + line("spaced", "some type\r\nPUB x 0")
        + line("starred", "some.*")
        + line("two")
    )
    pipe.write_bytes(os.urandom(2_000).replace(b"\n", b"\x00"))
    last = tmp_path / "last.jsonl"
    last.write_bytes(line("three").rstrip())
    files = [tmp_path / "missing", tmp_path, mixed, pipe, last]
    sent = await Producer(client, "demo", streams.prefix).send_lines(files)

    named = "\n".join(sent.problems)
    for part in (
        f"{tmp_path / 'missing'}: cannot be read (No such file or directory)",
        f"{tmp_path}: cannot be read (Is a directory)",
        f"{mixed}:2: ",
        f"{mixed}:5: ",
        f"{mixed}:4: message 'large': ",
        f"{mixed}:6: message 'starred': ",
        f"{pipe}:1: ",
    ):
        assert part in named
    assert (sent.sent, len(sent.problems)) == (3, 7)
    async with ordered_feed(client, streams.intake, after=0) as feed:
        arrived: list[str] = []
        async for batch in feed.batches():
            arrived += [delivery.headers["ce-id"] for delivery in batch]
            if len(arrived) == 3:
                break
    assert arrived == ["one", "two", "three"]


async def test_bundles_that_are_not_there_are_named(
    client: Client, streams: StreamSettings, tmp_path: Path
) -> None:
    sent = await Producer(client, "demo", streams.prefix).send_bundles(
        [tmp_path / "missing.json", tmp_path]
    )
    missing, empty = sent.problems
    assert sent.sent == 0
    assert missing.startswith(f"{tmp_path / 'missing.json'}#: cannot be opened")
    assert empty.startswith(f"{tmp_path}#: holds no *.json")


async def test_a_problem_of_a_bundle_names_its_file_once(
    client: Client, streams: StreamSettings, tmp_path: Path
) -> None:
    await ensure_intake(client, streams)
    unreadable = claim("10", None, [item(1)], status="draft")
    many = [item(number, "1", modifier=MODIFIERS) for number in range(1, 900)]
    large = claim("899", None, many, claim={"reference": "urn:uuid:claim-2"})
    good = claim("10", None, [item(1)], claim={"reference": "urn:uuid:claim-3"})
    path = tmp_path / "day.json"
    path.write_bytes(bundle(PATIENT, VISIT, unreadable, large, good))
    sent = await Producer(client, "demo", streams.prefix).send_bundles([path])
    status, size = sent.problems
    assert sent.sent == 1
    assert status.startswith(f"{path}#/entry/2/resource: status 'draft'")
    assert size.startswith(f"{path}: message 'claim-2/encounter': ")
    assert "the server takes" in size
