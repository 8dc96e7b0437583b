"""What was signed of the log is held against it: forgeries, and histories that were rolled back."""

from contracts.log import EMPTY_ROOT
from services.audit.checker import open_checkpoint
from services.audit.checkpoints import Kept
from services.audit.findings import Check
from tests.fixtures.audited import CHARGE, HEAD, OTHER, AuditedLedger, charge_id

LAST = charge_id(OTHER, 1)


async def signed_twice(ledger: AuditedLedger) -> None:
    """At position 11 and, with what waited, at 12."""
    await ledger.sign()
    await ledger.sequence()
    await ledger.project()
    await ledger.sign()


async def test_what_was_signed_is_well_and_said(audited: AuditedLedger) -> None:
    await signed_twice(audited)
    report = await audited.verify()
    assert report.is_well
    assert (report.signed_through, report.keys) == (HEAD + 1, ((await audited.key()).public.text,))
    checked = {count.check: count.checked for count in report.checks}
    assert checked[Check.CHECKPOINTS] == 2


async def test_a_forged_checkpoint_is_found(audited: AuditedLedger) -> None:
    """One of another root, without the key."""
    await signed_twice(audited)
    key = await audited.key()
    forged = key.sign_checkpoint(HEAD, EMPTY_ROOT)[:-20] + b"A" * 17 + b"==\n"
    await audited.damage(
        "UPDATE signed_checkpoints SET root = $1, note = $2 WHERE size = $3",
        *(EMPTY_ROOT, forged, HEAD),
    )
    (finding,) = await audited.findings()
    assert (finding.check, finding.position) == (Check.CHECKPOINTS, HEAD)
    assert (finding.tenant, finding.stream_id, finding.version) == ("demo", LAST, 1)
    assert finding.what == f"the checkpoint of {HEAD} events is forged"
    assert finding.expected == f"signed by {key.public.text}"


async def test_a_checkpoint_of_a_key_that_the_auditor_does_not_know_is_found(
    audited: AuditedLedger,
) -> None:
    """The forger has a key, and writes it beside the checkpoint."""
    other = await audited.key(bytes(32))
    await audited.sign(seed=bytes(32))
    assert (await audited.verify()).keys == (other.public.text,)
    ours = (await audited.key()).public
    (finding,) = await audited.findings(kept=Kept((ours,)))
    assert finding.what == f"the checkpoint of {HEAD} events is forged"
    assert finding.found == f"the note has 0 signatures of {ours.text}, not one"


async def test_a_checkpoint_of_another_root_is_found(audited: AuditedLedger) -> None:
    """The key itself signed what the log is not."""
    key = await audited.key()
    await audited.sign()
    await audited.damage(
        "UPDATE signed_checkpoints SET root = $1, note = $2",
        *(EMPTY_ROOT, key.sign_checkpoint(HEAD, EMPTY_ROOT)),
    )
    (finding,) = await audited.findings()
    assert finding.what == f"the log is not what the checkpoint of {HEAD} events signed"
    assert (finding.position, finding.stream_id) == (HEAD, LAST)
    assert finding.expected == EMPTY_ROOT.hex()


async def test_a_row_that_does_not_say_what_was_signed_is_found(audited: AuditedLedger) -> None:
    await signed_twice(audited)
    await audited.damage("UPDATE signed_checkpoints SET root = sha256('') WHERE size = $1", HEAD)
    (finding,) = await audited.findings()
    assert finding.what == f"the checkpoint of {HEAD} events says other"


async def test_an_event_that_was_changed_with_its_leaf_is_found_by_what_was_signed(
    audited: AuditedLedger,
) -> None:
    await signed_twice(audited)
    report = await audited.verify()
    await audited.damage("UPDATE event_log SET leaf = sha256(leaf) WHERE stream_id = $1", CHARGE)
    await audited.damage(
        "UPDATE events SET metadata = replace(convert_from(metadata, 'UTF8'), 'ada', 'bob')::bytea"
        " WHERE stream_id = $1",
        CHARGE,
    )
    found = [one for one in await audited.findings() if one.check is Check.CHECKPOINTS]
    assert [one.position for one in found] == [HEAD, HEAD + 1]
    assert found[1].expected == report.root


async def test_a_rolled_back_database_is_found_by_the_checkpoint_that_an_auditor_kept(
    audited: AuditedLedger,
) -> None:
    """A backup of before is whole: nothing in it can tell."""
    await audited.sign()
    await audited.sequence()
    kept = (await audited.sign()).note
    await audited.damage("DELETE FROM signed_checkpoints WHERE size > $1", HEAD)
    await _roll_back(audited)
    assert (await audited.verify()).is_well
    (finding,) = await audited.findings(kept=Kept(checkpoint=kept))
    assert finding.check is Check.CHECKPOINTS
    assert finding.what == "the log was rolled back: it ends before the kept checkpoint"
    assert (finding.position, finding.expected, finding.found) == (HEAD + 1, "12", "11")


async def test_a_checkpoint_beyond_the_end_is_found(audited: AuditedLedger) -> None:
    await signed_twice(audited)
    await _roll_back(audited)
    (finding,) = [one for one in await audited.findings() if one.check is Check.CHECKPOINTS]
    assert finding.what == "the log was rolled back: it ends before a checkpoint"


async def test_a_kept_checkpoint_of_a_history_that_was_written_anew_is_found(
    audited: AuditedLedger,
) -> None:
    key = await audited.key()
    kept = key.sign_checkpoint(4, EMPTY_ROOT)
    (finding,) = await audited.findings(kept=Kept((key.public,), kept))
    assert finding.what == "the log is not what the kept checkpoint signed"
    assert (finding.position, finding.stream_id) == (4, CHARGE)


async def test_a_kept_checkpoint_of_before_is_well(audited: AuditedLedger) -> None:
    kept = (await audited.sign()).note
    await audited.sequence()
    await audited.project()
    assert open_checkpoint(kept, (await audited.key()).public).size == HEAD
    assert (await audited.verify(kept=Kept(checkpoint=kept))).is_well


async def test_a_kept_checkpoint_of_another_log_is_found(audited: AuditedLedger) -> None:
    await audited.sign()
    kept = b"daybook.dev/log_other\n11\n"
    (finding,) = await audited.findings(kept=Kept(checkpoint=kept))
    assert finding.what == "the kept checkpoint is none of this log"


async def test_since_a_position_the_later_checkpoints_are_held_against_the_log(
    audited: AuditedLedger,
) -> None:
    await signed_twice(audited)
    report = await audited.verify(since=HEAD + 1)
    assert report.is_well
    assert report.signed_through == HEAD + 1


async def _roll_back(ledger: AuditedLedger) -> None:
    """To the state at position 11, as a restored backup would have it."""
    await ledger.damage(
        "INSERT INTO billing_outbox (tenant, event_ids)"
        " SELECT tenant, ARRAY[stream_id || '-' || version] FROM event_log WHERE position > $1",
        HEAD,
    )
    await ledger.damage("DELETE FROM event_log WHERE position > $1", HEAD)
    await ledger.damage(
        "UPDATE log_head SET position = $1, sequenced_at ="
        " (SELECT sequenced_at FROM event_log WHERE position = $1)",
        HEAD,
    )
    await ledger.damage(
        "UPDATE tenant_log_heads SET tenant_position = $1, partition_positions ="
        " (SELECT array_agg(coalesce(p.top, 0) ORDER BY n) FROM generate_series(0, 15) AS n"
        "  LEFT JOIN (SELECT partition, max(partition_position) AS top FROM event_log"
        "  GROUP BY partition) p ON p.partition = n)",
        HEAD,
    )
