"""However many findings there are, the first wrong position is named and nothing behind it is
called verified."""

from random import Random

from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings

MANY = 5 * FINDINGS_KEPT_MAX


def test_of_many_findings_in_any_order_those_at_the_lowest_positions_are_kept() -> None:
    findings = Findings(Check)
    positions = list(range(1, MANY + 1))
    Random(7).shuffle(positions)
    for position in positions:
        findings.add(Check.OPEN_ITEMS, "item", position=position)
    kept = [finding.position for finding in findings.ordered()]
    assert kept == list(range(1, FINDINGS_KEPT_MAX + 1))
    assert (findings.lowest, findings.found(Check.OPEN_ITEMS)) == (1, MANY)


def test_findings_at_one_position_stay_in_their_order() -> None:
    findings = Findings(Check)
    for line in range(MANY):
        findings.add(Check.LEDGER_ENTRIES, f"line {line}", position=4)
    names = [finding.what for finding in findings.ordered()]
    assert names == [f"line {line}" for line in range(FINDINGS_KEPT_MAX)]


def test_findings_without_a_position_crowd_out_none_that_has_one() -> None:
    findings = Findings(Check)
    for number in range(MANY):
        findings.add(Check.CLAIMS, f"orphan {number}")
    findings.add(Check.CLAIMS, "claim", position=3)
    kept = findings.ordered()
    assert (kept[0].what, kept[0].position, len(kept)) == ("claim", 3, FINDINGS_KEPT_MAX + 1)


def test_a_finding_without_a_position_leaves_nothing_verified_though_it_is_not_kept() -> None:
    findings = Findings(Check)
    lowest = [findings.lowest]
    for position in range(1, MANY):
        findings.add(Check.STREAM, "message", position=position)
    lowest.append(findings.lowest)
    findings.add(Check.STREAM, "stream")
    lowest.append(findings.lowest)
    assert lowest == [None, 1, 0]
