"""Evidence bundles: what they prove, and that nothing of them can be changed."""

import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import pytest

from services.audit.bundles import prove
from services.audit.checker import Key, Refused, check_bundle
from services.audit.evidence import NotProvable
from services.audit.signing import SigningKey
from tests.fixtures.audited import ACCOUNT, CHARGE, HEAD, INVOICE, OTHER_ACCOUNT, AuditedLedger
from tests.fixtures.bundles import Change, Proved, remade
from tests.fixtures.signing import SEED

CHANGES = 500


def checked(content: bytes, key: Key | None = None, kept: bytes | None = None) -> Any:
    return check_bundle(io.BytesIO(content), key, kept)


def events_in(bundle: bytes) -> list[dict[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        file = archive.extractfile("events.jsonl")
        assert file is not None
        return [json.loads(line) for line in file]


async def test_a_tenants_bundle_has_every_event_of_it_and_nothing_of_others(
    bundles: Proved,
) -> None:
    bundle = bundles.bundles["tenant"]
    verdict = checked(bundle, bundles.key, bundles.kept)
    assert (verdict.events, verdict.tenant_events, verdict.checkpoint.size) == (12, 12, 14)
    assert verdict.earlier == 1
    assert b'"other"' not in bundle
    assert [event["tenant_position"] for event in events_in(bundle)] == list(range(1, 13))


async def test_a_balance_is_what_the_events_of_the_account_add_up_to(bundles: Proved) -> None:
    verdict = checked(bundles.bundles[ACCOUNT], bundles.key)
    assert (verdict.kind, verdict.subject) == ("balance", ACCOUNT)
    # 125.00 and 99.00 billed, 200.00 paid, 4.00 adjusted; 125.00 more charged.
    assert verdict.balances[ACCOUNT, "USD", "1100"] == 12_500 + 9_900 - 20_000 - 400 + 12_500
    assert sum(verdict.balances.values()) == 0


async def test_an_invoice_is_proved_with_what_it_is_made_of_and_settled_by(
    bundles: Proved,
) -> None:
    events = events_in(bundles.bundles[INVOICE])
    kinds = {event["stream_id"].partition("_")[0] for event in events}
    assert kinds == {"inv", "chg", "pay", "adj"}
    assert len({e["stream_id"] for e in events if e["stream_id"].startswith("chg")}) == 2
    assert checked(bundles.bundles[INVOICE], bundles.key).kind == "invoice"


async def test_an_event_is_proved_alone(bundles: Proved) -> None:
    (event,) = events_in(bundles.bundles[f"{CHARGE}-1"])
    assert (event["stream_id"], event["version"], event["position"]) == (CHARGE, 1, 4)


async def test_a_bundle_is_the_same_bytes_every_time(
    audited: AuditedLedger, tmp_path: Path
) -> None:
    await audited.sign()
    pool = await audited.database.pool("daybook_auditor")
    key = await audited.key()
    for name in ("one", "two"):
        await prove(pool, "demo", "tenant", key, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


async def test_any_archiver_opens_a_bundle_and_finds_the_schemas(bundles: Proved) -> None:
    with tarfile.open(fileobj=io.BytesIO(bundles.bundles["tenant"])) as archive:
        names = archive.getnames()
    assert names[:4] == ["manifest", "checkpoint", "earlier.jsonl", "events.jsonl"]
    assert "schemas/billing.charge.captured.v1.json" in names


async def test_without_a_key_it_is_the_bundles_own_that_is_named(bundles: Proved) -> None:
    assert checked(bundles.bundles["tenant"]).key == bundles.key
    other = SigningKey(bytes(32), bundles.key.name.rpartition("/")[2]).public
    with pytest.raises(Refused, match="0 signatures"):
        checked(bundles.bundles["tenant"], other)


async def test_a_checkpoint_that_somebody_kept_is_gone_on_from(
    audited: AuditedLedger, tmp_path: Path, bundles: Proved
) -> None:
    """Or none of the log's own is made, and none that has no proof is taken."""
    key = await audited.key()
    forged = key.sign_checkpoint(4, bytes(32))
    with pytest.raises(Refused, match="no proof that it goes on from the kept checkpoint of 4"):
        checked(bundles.bundles["tenant"], bundles.key, forged)
    pool = await audited.database.pool("daybook_auditor")
    with pytest.raises(Refused, match="are not consistent"):
        await prove(pool, "demo", "tenant", key, tmp_path / "b", kept=forged)
    assert list(tmp_path.iterdir()) == []


async def test_every_changed_byte_of_a_bundle_is_found(bundles: Proved) -> None:
    """Every third byte of the smallest one, and a choice of the others'."""
    for subject, bundle in bundles.bundles.items():
        chosen: Any = range(0, len(bundle), 3)
        if subject != f"{CHARGE}-1":
            chosen = random.Random(subject).sample(chosen, CHANGES)
        for at in chosen:
            changed = bytearray(bundle)
            changed[at] ^= 1 << at % 8
            with pytest.raises(Refused):
                checked(bytes(changed))


async def test_a_bundle_that_is_cut_or_goes_on_is_refused(bundles: Proved) -> None:
    bundle = bundles.bundles[f"{CHARGE}-1"]
    for at in (*range(0, len(bundle), 97), len(bundle) - 1):
        with pytest.raises(Refused):
            checked(bundle[:at])
    with pytest.raises(Refused, match="does not end"):
        checked(bundle + b"\0")


def test_changes_are_named(bundles: Proved) -> None:
    key = SigningKey(SEED, bundles.key.name.rpartition("/")[2])
    bundle = bundles.bundles["tenant"]
    assert checked(remade(bundle, key, lambda events, manifest: None), bundles.key).events == 12

    def refused(change: Change, why: str, of: str = "tenant") -> None:
        with pytest.raises(Refused, match=why):
            checked(remade(bundles.bundles[of], key, change), bundles.key)

    def amount(events: list[dict[str, Any]], _: Any) -> None:
        events[3]["body"] = events[3]["body"].replace("12500", "12400")

    def without(number: int) -> Change:
        def change(events: list[dict[str, Any]], manifest: dict[str, Any]) -> None:
            del events[number]
            manifest["events"] -= 1

        return change

    refused(amount, "position 4 is not in the log as it is here")
    refused(without(5), "an event of the tenant is missing before it")
    refused(without(11), "the last events of the tenant are missing")
    refused(without(-1), "streams do not end", INVOICE)
    refused(lambda events, _: events.reverse(), "is missing before it")
    refused(lambda events, _: events[0].pop("type"), "type is not there")
    refused(lambda events, _: events[0].update(position=2**70), "no integer of 64 bits")
    refused(lambda events, _: events[0].update(proof=["zz"]), "no list of hashes")
    refused(lambda events, _: events[0]["proof"].append("00" * 32), "too long")
    refused(lambda events, _: events[0].update(body="[" * 9_999), "is not in the log")
    refused(lambda _, manifest: manifest.update(log_id="log_other"), "is not in the log")
    refused(lambda _, manifest: manifest["balances"][0].__setitem__(3, 1), "the balances", ACCOUNT)


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("acc_00000000000000000000000000", "has no acc_"),
        ("inv_00000000000000000000000000", "has no inv_"),
        (f"{CHARGE}-2", "not among the 11 events"),
        ("nonsense", "nothing to prove"),
    ],
)
async def test_what_is_not_there_is_not_proved(
    audited: AuditedLedger, tmp_path: Path, subject: str, why: str
) -> None:
    await audited.sign()
    pool = await audited.database.pool("daybook_auditor")
    with pytest.raises(NotProvable, match=why):
        await prove(pool, "demo", subject, await audited.key(), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


async def test_what_is_not_signed_yet_is_not_proved(audited: AuditedLedger, tmp_path: Path) -> None:
    pool = await audited.database.pool("daybook_auditor")
    with pytest.raises(NotProvable, match="nothing of the log was signed yet"):
        await prove(pool, "demo", "tenant", await audited.key(), tmp_path / "b")
    await audited.sign()
    await audited.sequence()
    to = tmp_path / "b"
    verdict = await prove(pool, "demo", OTHER_ACCOUNT, await audited.key(), to)
    assert (verdict.events, verdict.checkpoint.size) == (2, HEAD)


async def test_a_damaged_ledger_gives_no_bundle(audited: AuditedLedger, tmp_path: Path) -> None:
    await audited.sign()
    await audited.damage(
        "UPDATE events SET body = replace(convert_from(body, 'UTF8'), '12500', '12400')::bytea"
        " WHERE stream_id = $1",
        CHARGE,
    )
    pool = await audited.database.pool("daybook_auditor")
    with pytest.raises(Refused, match="position 4 is not in the log"):
        await prove(pool, "demo", "tenant", await audited.key(), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
