"""Counters: each number follows the one before it, and the counter is at the last one."""

from collections import defaultdict

from contracts.invoice import InvoiceIssued
from domain.write_side import counter_of, invoice_number
from projections.statements import AnyConnection
from services.audit.bodies import Known
from services.audit.findings import Check, Findings


class Counters:
    """Counts the numbers as they are drawn."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._drawn: defaultdict[tuple[str, str], int] = defaultdict(int)

    def take(self, known: Known) -> None:
        """Check the numbers that the events of a page carry."""
        for recorded, _ in known:
            event = recorded.event
            counter = counter_of(event)
            if counter is None or not isinstance(event, InvoiceIssued):
                continue
            key = (recorded.tenant, counter)
            self._drawn[key] += 1
            expected = invoice_number(event.facility, event.issued_on.year, self._drawn[key])
            if event.number != expected:
                what = f"number of {counter}"
                found = event.number
                self._findings.at(Check.COUNTERS, recorded, what, expected=expected, found=found)

    async def finish(self, connection: AnyConnection) -> None:
        """Compare with the counters; one that was made and never drawn from is at zero."""
        rows = await connection.fetch("SELECT tenant, name, value FROM daybook.counters")
        found = {(row["tenant"], row["name"]): row["value"] for row in rows}
        self._findings.checked(Check.COUNTERS, len(found))
        for key in sorted(found.keys() | self._drawn.keys()):
            tenant, name = key
            expected, value = self._drawn[key], found.get(key)
            if expected != (value or 0):
                self._findings.add(
                    Check.COUNTERS,
                    name,
                    tenant=tenant,
                    expected=str(expected),
                    found=None if value is None else str(value),
                )
