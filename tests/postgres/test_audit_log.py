"""Damage to the log itself: every kind is found and named."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.projection import REGISTRY
from services.audit.findings import Check
from tests.fixtures.audited import (
    ACCOUNT,
    CHARGE,
    HEAD,
    OPEN_CHARGE,
    OTHER,
    OTHER_ACCOUNT,
    PAYMENT,
    AuditedLedger,
    brief,
    capture,
    charge_id,
)

LAST = charge_id(OTHER, 1)


async def test_a_flipped_byte_is_found_and_named(audited: AuditedLedger) -> None:
    """The facility of a charge: "north" becomes "oorth", and the body is still readable."""
    await audited.damage(
        "UPDATE events SET body = set_byte(body, p - 1, get_byte(body, p - 1) # 1)"
        " FROM (SELECT position('north'::bytea IN body) AS p FROM events WHERE stream_id = $1) f"
        " WHERE stream_id = $1",
        CHARGE,
    )
    findings = await audited.findings()
    first = findings[0]
    assert (first.check, first.position, first.tenant) == (Check.LEAVES, 4, "demo")
    assert (first.stream_id, first.version) == (CHARGE, 1)
    assert first.expected != first.found
    assert brief(findings) == [
        (Check.LEAVES, 4, CHARGE, "leaf"),
        *((Check.LEDGER_ENTRIES, 4, CHARGE, f"line {line}: facility") for line in (1, 2)),
        (Check.STREAM_HEADS, 4, CHARGE, "state"),
        *((Check.READ_MODELS, 4, CHARGE, f"general_ledger_entries (4, {line})") for line in (1, 2)),
        *(
            (
                Check.READ_MODELS,
                None,
                None,
                f"general_ledger_totals (demo, {facility}, {account}, USD, 2025-12-31)",
            )
            for facility in ("north", "oorth")
            for account in (1100, 4000)
        ),
    ]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    position=st.integers(1, HEAD),
    column=st.sampled_from(("body", "metadata")),
    offset=st.integers(0, 10_000),
    bit=st.integers(0, 7),
)
async def test_any_flipped_bit_is_found_and_named(
    audited: AuditedLedger, position: int, column: str, offset: int, bit: int
) -> None:
    # A literal for each column: names cannot be parameters. Flipped twice, it is as it was.
    statement = {
        "body": "UPDATE events e SET body ="
        " set_bit(body, $2 % bit_length(body), 1 - get_bit(body, $2 % bit_length(body)))",
        "metadata": "UPDATE events e SET metadata ="
        " set_bit(metadata, $2 % bit_length(metadata),"
        " 1 - get_bit(metadata, $2 % bit_length(metadata)))",
    }[column] + (
        " FROM event_log l WHERE l.position = $1"
        " AND (e.tenant, e.stream_id, e.version) = (l.tenant, l.stream_id, l.version)"
    )
    await audited.damage(statement, position, 8 * offset + bit)
    report = await audited.verify()
    (named,) = await audited.admin.fetch(
        "SELECT position, tenant, stream_id, version FROM event_log WHERE position = $1", position
    )
    first = report.findings[0]
    assert first.check is Check.LEAVES
    assert (first.position, first.tenant, first.stream_id, first.version) == tuple(named)
    await audited.damage(statement, position, 8 * offset + bit)
    assert (await audited.verify()).is_well


async def test_a_body_that_is_no_json_any_more_is_found(audited: AuditedLedger) -> None:
    """What follows from it cannot be replayed, and is not reported as damage of its own."""
    await audited.damage("UPDATE events SET body = set_byte(body, 0, 0) WHERE stream_id = $1", LAST)
    findings = await audited.findings()
    assert [one[:3] for one in brief(findings)] == [
        (Check.LEAVES, HEAD, LAST),
        (Check.BODIES, HEAD, LAST),
        *([(Check.READ_MODELS, HEAD, LAST)] * len(REGISTRY)),
    ]
    assert findings[2].what.startswith("account_balances cannot apply the event: Undecodable")


async def test_a_changed_amount_is_found_wherever_it_shows(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE events SET body = replace(convert_from(body, 'UTF8'), '-12500', '-12400')::bytea"
        " WHERE stream_id = $1",
        OPEN_CHARGE,
    )
    assert brief(await audited.findings())[:3] == [
        (Check.LEAVES, 10, OPEN_CHARGE, "leaf"),
        (Check.BALANCE, 10, OPEN_CHARGE, "the transaction in USD"),
        (Check.LEDGER_ENTRIES, 10, OPEN_CHARGE, "line 2: amount_minor"),
    ]


async def test_changed_metadata_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE events SET metadata = replace(convert_from(metadata, 'UTF8'), 'ada', 'bob')::bytea"
        " WHERE stream_id = $1",
        PAYMENT,
    )
    assert brief(await audited.findings()) == [(Check.LEAVES, 8, PAYMENT, "leaf")]


async def test_unreadable_metadata_is_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE events SET metadata = '' WHERE stream_id = $1", PAYMENT)
    found = brief(await audited.findings())
    assert [one[:3] for one in found] == [
        (Check.LEAVES, 8, PAYMENT),
        (Check.BODIES, 8, PAYMENT),
    ]


async def test_a_changed_time_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE events SET recorded_at = recorded_at + interval '1 microsecond'"
        " WHERE stream_id = $1",
        ACCOUNT,
    )
    assert brief(await audited.findings()) == [(Check.LEAVES, 2, ACCOUNT, "leaf")]


async def test_a_type_of_another_release_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE events SET type = 'billing.charge.guessed.v1' WHERE stream_id = $1", LAST
    )
    found = await audited.findings()
    assert found[1].check is Check.BODIES
    assert found[1].what == "'billing.charge.guessed.v1' is not in the catalogue of this release"


async def test_a_wrong_partition_key_is_found(audited: AuditedLedger) -> None:
    """It is no part of the leaf, since it follows from the body."""
    await audited.damage(
        "UPDATE events SET partition_key = $2 WHERE stream_id = $1", PAYMENT, "elsewhere"
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.POSITIONS, 8, PAYMENT, "partition"),
        (Check.BODIES, 8, PAYMENT, "partition_key"),
    ]
    assert (findings[1].expected, findings[1].found) == (ACCOUNT, "elsewhere")


async def test_a_deleted_event_is_found(audited: AuditedLedger) -> None:
    await audited.damage("DELETE FROM events WHERE stream_id = $1", LAST)
    findings = brief(await audited.findings())
    assert findings[0] == (Check.EVENTS, HEAD, LAST, "is not in events")
    # The account had a second charge, so that what is left of it does not add up.
    assert {one[0] for one in findings[1:]} == {
        Check.ACCOUNT_HEADS,
        Check.OPEN_ITEMS,
        Check.READ_MODELS,
    }
    assert {one[2] for one in findings[1:]} <= {OTHER_ACCOUNT, LAST, None}


async def test_an_inserted_event_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO events SELECT tenant, stream_id, version + 1, type, partition_key,"
        " recorded_at, body, metadata FROM events WHERE stream_id = $1",
        CHARGE,
    )
    findings = await audited.findings()
    assert brief(findings) == [(Check.EVENTS, None, CHARGE, "has no position and waits for none")]
    assert findings[0].version == 2


async def test_swapped_positions_are_found(audited: AuditedLedger) -> None:
    """Two charges of one account change places, with all that is said of them but their leaves."""
    await audited.damage("UPDATE event_log SET stream_id = 'aside' WHERE position = 4")
    await audited.damage("UPDATE event_log SET stream_id = $1 WHERE position = 10", CHARGE)
    await audited.damage("UPDATE event_log SET stream_id = $1 WHERE position = 4", OPEN_CHARGE)
    assert [one for one in brief(await audited.findings()) if one[0] is not Check.READ_MODELS] == [
        (Check.LEAVES, 4, OPEN_CHARGE, "leaf"),
        (Check.LEAVES, 10, CHARGE, "leaf"),
        # Billed before it was captured, so it would still be open.
        (Check.OPEN_ITEMS, 10, ACCOUNT, f"charge {CHARGE}"),
    ]


async def test_versions_out_of_order_are_found(audited: AuditedLedger) -> None:
    """The invoice is issued before it is drafted."""
    await audited.damage("UPDATE event_log SET version = 3 WHERE position = 6")
    await audited.damage("UPDATE event_log SET version = 1 WHERE position = 7")
    await audited.damage("UPDATE event_log SET version = 2 WHERE position = 6")
    found = await audited.findings()
    wrong = [one for one in found if one.check is Check.VERSIONS]
    assert [(one.position, one.expected, one.found) for one in wrong] == [(6, "1", "2")]


async def test_a_missing_position_is_found(audited: AuditedLedger) -> None:
    await audited.damage("DELETE FROM event_log WHERE position = 10")
    findings = await audited.findings()
    first = findings[0]
    assert (first.what, first.position) == ("the position is missing", 10)
    assert brief(findings)[1] == (Check.POSITIONS, 11, LAST, "tenant_position")
    assert (Check.EVENTS, None, OPEN_CHARGE, "has no position and waits for none") in brief(
        findings
    )


@pytest.mark.parametrize("column", ["tenant_position", "partition_position"])
async def test_a_wrong_place_within_tenant_or_partition_is_found(
    audited: AuditedLedger, column: str
) -> None:
    # A literal for each column: names cannot be parameters.
    statements = {
        "tenant_position": "UPDATE event_log SET tenant_position = 99 WHERE position = 11",
        "partition_position": "UPDATE event_log SET partition_position = 99 WHERE position = 11",
    }
    await audited.damage(statements[column])
    findings = await audited.findings()
    assert (Check.POSITIONS, HEAD, LAST, column) in brief(findings)
    assert any(one.check is Check.LOG_HEAD for one in findings)


async def test_time_that_runs_backwards_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE event_log SET sequenced_at = sequenced_at - interval '1 day' WHERE position = 5"
    )
    found = brief(await audited.findings())
    assert [(one[0], one[1], one[3]) for one in found] == [(Check.POSITIONS, 5, "sequenced_at")]


async def test_a_head_that_is_elsewhere_is_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE log_head SET position = position + 1")
    findings = await audited.findings()
    assert brief(findings) == [(Check.LOG_HEAD, None, None, "position")]
    assert (findings[0].expected, findings[0].found) == (str(HEAD), str(HEAD + 1))


async def test_a_leaf_and_its_event_changed_together_are_found_by_the_tile(
    audited: AuditedLedger,
) -> None:
    """Whoever changes both makes the leaf right, but not the tile that was written long before."""
    await audited.execute([capture(OTHER, number) for number in range(100, 100 + 256)])
    await audited.sequence()
    await audited.project()
    assert await audited.findings() == []
    await audited.damage("UPDATE event_log SET leaf = sha256('forged') WHERE position = 200")
    root = await audited.admin.fetchval("SELECT root FROM merkle_tiles")
    assert [one[:2] for one in brief(await audited.findings())] == [(Check.LEAVES, 200)]
    await audited.damage("UPDATE merkle_tiles SET root = sha256('forged')")
    found = await audited.findings()
    assert (Check.TILES, 1, None, "level 0, tile 0") in brief(found)
    await audited.damage(
        "UPDATE merkle_tiles SET root = $1, hashes = overlay(hashes PLACING sha256('') FROM 6369)",
        root,
    )
    assert (Check.TILES, 200, None, "level 0, tile 0") in brief(await audited.findings())
    await audited.damage("DELETE FROM merkle_tiles")
    missing = [one for one in await audited.findings() if one.check is Check.TILES]
    assert [(one.what, one.found) for one in missing] == [("level 0, tile 0", None)]


async def test_a_tile_beyond_the_end_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO merkle_tiles VALUES (0, 0, decode(repeat('00', 8192), 'hex'), sha256(''))"
    )
    what = "level 0, tile 0 stands beyond the end of the log"
    assert brief(await audited.findings()) == [(Check.TILES, 1, None, what)]
