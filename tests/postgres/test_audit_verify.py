"""The audit of a whole ledger: nothing is found, and everything was looked at."""

from tests.fixtures.audited import HEAD, AuditedLedger


async def test_a_whole_ledger_has_no_findings(audited: AuditedLedger) -> None:
    report = await audited.verify()
    assert list(map(str, report.findings)) == []
    assert report.is_well
    print(report)
