"""FHIR bundles of synthetic patients, from the file to the trial balance, to the cent."""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command_line import command
from tests.fixtures.fhir_bundles import bundle_files
from tests.fixtures.whole_stack import WholeStack

CENT = Decimal("0.01")
BESIDE = Path(__file__).parents[2].parent / "shared" / "data" / "synthea"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real bundles where they lie beside the checkout, otherwise some of our own making."""
    return BESIDE if BESIDE.is_dir() else bundle_files(tmp_path_factory.mktemp("bundles"))


def claims(folder: Path) -> Iterator[tuple[Decimal, Decimal]]:
    """Submitted total and payment of every ExplanationOfBenefit, rounded half-even to cents."""
    for file in sorted(folder.glob("*.json")):
        bundle = json.loads(file.read_text(), parse_float=Decimal, parse_int=Decimal)
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "ExplanationOfBenefit":
                yield _cents(_submitted(resource)), _cents(_paid(resource))


def _submitted(claim: dict[str, Any]) -> Decimal:
    for total in claim["total"]:
        for coding in total["category"]["coding"]:
            if coding["code"] == "submitted":
                return Decimal(total["amount"]["value"])
    raise AssertionError("no submitted total")


def _paid(claim: dict[str, Any]) -> Decimal:
    return Decimal(claim.get("payment", {}).get("amount", {}).get("value", 0))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


async def test_charges_payments_and_receivable_tie_to_the_claims_and_a_repeat_changes_nothing(
    whole_stack: WholeStack, bundles: Path
) -> None:
    before = await _balances(whole_stack)
    sent = command("intake", "fhir", str(bundles), "--data-dir", str(whole_stack.data_dir))
    assert sent.exit_code == 0, sent.stderr
    status = await whole_stack.caught_up()
    after = await _balances(whole_stack)
    submitted = sum((total for total, _ in claims(bundles)), Decimal(0))
    paid = sum((payment for _, payment in claims(bundles)), Decimal(0))
    change = {account: after[account] - before.get(account, Decimal(0)) for account in after}
    assert submitted > paid > 0
    assert -change["4000"] == submitted
    assert change["1030"] == paid
    assert change["1100"] - _credit(change) == submitted - paid
    assert sum(change.values()) == 0

    again = command("intake", "fhir", str(bundles), "--data-dir", str(whole_stack.data_dir))
    assert again.exit_code == 0, again.stderr
    assert (await whole_stack.caught_up()).events == status.events
    assert await _balances(whole_stack) == after


def _credit(change: dict[str, Decimal]) -> Decimal:
    """What a payer paid beyond an invoice is the customer's credit, a negative balance."""
    return -change.get("2100", Decimal(0))


async def _balances(stack: WholeStack) -> dict[str, Decimal]:
    report = await stack.query.get("/v1/reports/trial-balance")
    return {
        row["gl_account"]: Decimal(row["balance"])
        for row in report["rows"]
        if row["currency"] == "USD"
    }


async def test_what_cannot_be_read_is_named_and_the_rest_goes_on(
    whole_stack: WholeStack, bundles: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text("no JSON at all")
    (tmp_path / "b.json").write_text('{"resourceType": "Bundle", "type": "batch", "entry": []}')
    good = sorted(bundles.glob("*.json"))[0]
    (tmp_path / "c.json").write_bytes(good.read_bytes())
    sent = command("intake", "fhir", str(tmp_path), "--data-dir", str(whole_stack.data_dir))
    assert sent.exit_code == 1
    assert "a.json" in sent.stderr
    assert "b.json" in sent.stderr
    assert "no claims" in sent.stderr
    assert "sent 0 messages" not in sent.stdout


async def test_the_audit_finds_nothing_afterwards(whole_stack: WholeStack) -> None:
    await whole_stack.caught_up()
    verified = command(
        "audit", "verify", "--deep", "--json", "--data-dir", str(whole_stack.data_dir)
    )
    assert verified.exit_code == 0, verified.stdout + verified.stderr
    report = json.loads(verified.stdout.splitlines()[-1])
    assert report["findings"] == []
    assert report["verified_through"] == report["head"] > 0
