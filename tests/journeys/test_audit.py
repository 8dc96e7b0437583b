"""The books of a running stack, changed behind its back by somebody who may do everything."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from services.adapters.postgres.migrate import SEARCH_PATH
from tests.fixtures.command_line import command
from tests.fixtures.waiting import until
from tests.fixtures.whole_stack import WholeStack

FLIP = (
    "UPDATE events SET body = set_byte(body, 20, get_byte(body, 20) # 1)"
    " WHERE (tenant, stream_id, version) ="
    " (SELECT tenant, stream_id, version FROM event_log WHERE position = $1)"
    " RETURNING stream_id"
)


@pytest.fixture
async def superuser(whole_stack: WholeStack) -> AsyncIterator[asyncpg.Connection]:
    """Whom neither triggers nor policies stop."""
    connection = await asyncpg.connect(
        whole_stack.addresses.postgres_url,
        server_settings={"search_path": SEARCH_PATH, "session_replication_role": "replica"},
    )
    yield connection
    await connection.close()


async def test_a_flipped_byte_in_an_event_is_found_and_named(
    whole_stack: WholeStack, superuser: asyncpg.Connection
) -> None:
    body = {"patient_id": "flipped", "name": "Zura", "facility": "north", "currency": "GEL"}
    await whole_stack.query.post("/v1/accounts", body, key="open-flipped")
    position = (await whole_stack.caught_up()).events
    verify = ("audit", "verify", "--json", "--data-dir", str(whole_stack.data_dir))
    stream_id = await superuser.fetchval(FLIP, position)
    try:
        verified = command(*verify)
    finally:
        await superuser.execute(FLIP, position)
    assert verified.exit_code == 1
    report = json.loads(verified.stdout.splitlines()[-1])
    (leaf,) = [found for found in report["findings"] if found["check"] == "leaves"]
    assert (leaf["position"], leaf["stream_id"]) == (position, stream_id)
    assert report["verified_through"] < position
    assert command(*verify).exit_code == 0


async def test_evidence_of_an_account_is_checked_without_a_stack(
    whole_stack: WholeStack, tmp_path: Path
) -> None:
    """And with the checkpoint that somebody kept before."""
    beside = ("--data-dir", str(whole_stack.data_dir))
    body = {"patient_id": "proved", "name": "Zura", "facility": "north", "currency": "GEL"}
    opened = await whole_stack.query.post("/v1/accounts", body, key="open-proved")
    position = (await whole_stack.caught_up()).events

    async def is_signed() -> bool:
        found = await whole_stack.query.get("/v1/audit/checkpoint")
        (tmp_path / "kept").write_text(found["note"])
        return bool(found["size"] >= position)

    await until(is_signed)
    key = command("keys", "show", *beside).stdout.strip()
    to = tmp_path / "evidence.tar"
    given = ("-o", str(to), "--checkpoint", str(tmp_path / "kept"))
    proved = command("audit", "prove", opened["account_id"], *given, *beside)
    assert proved.exit_code == 0, proved.output
    assert proved.stdout.startswith(f"proved: balance {opened['account_id']} of tenant demo")
    offline = ("audit", "verify", "--bundle", str(to), "--key", key)
    checked = command(*offline, "--checkpoint", str(tmp_path / "kept"), "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["key"] == key
    to.write_bytes(to.read_bytes().replace(b"proved", b"forged", 1))
    refused = command(*offline)
    assert (refused.exit_code, refused.stdout[:8]) == (1, "REFUSED:")
    assert command("audit", "prove", "nonsense", "-o", str(to), *beside).exit_code == 2
    kept = ("--checkpoint", str(tmp_path / "kept"), "--key", key)
    assert command("audit", "verify", *kept, *beside).exit_code == 0
    assert "is there already" in command("keys", "init", *beside).stdout


async def test_the_log_goes_to_a_folder_and_to_an_object_store(
    whole_stack: WholeStack, tmp_path: Path
) -> None:
    beside = ("--data-dir", str(whole_stack.data_dir))
    body = {"patient_id": "exported", "name": "Zura", "facility": "north", "currency": "GEL"}
    await whole_stack.query.post("/v1/accounts", body, key="open-exported")
    position = str((await whole_stack.caught_up()).events)
    wanted = ("--format", "jsonl", "--until", position, "--json")
    for to in (str(tmp_path / "here"), (tmp_path / "store").as_uri()):
        done = command("audit", "export", *wanted, "-o", to, *beside)
        assert (done.exit_code, json.loads(done.stdout)["row_count"]) == (0, int(position))
    there = tmp_path / "store" / "_log" / "audit-exports" / f"jsonl-first-{position}"
    for name in ("events.jsonl", "manifest.json"):
        assert (tmp_path / "here" / name).read_bytes() == (there / name).read_bytes()
    beyond = ("--format", "jsonl", "--until", "99999999", "-o", str(tmp_path / "x"))
    assert command("audit", "export", *beyond, *beside).exit_code == 2
