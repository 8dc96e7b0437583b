"""The ledger: every event's postings sum to zero, and ledger_entries are exactly these."""

from collections import defaultdict
from typing import Any, Final

from contracts.event import Posted
from contracts.ids import event_id, split_event_id
from projections.recorded import Recorded
from projections.statements import AnyConnection
from services.audit.bodies import Bodies, Known
from services.audit.findings import FINDINGS_KEPT_MAX, Check, Findings
from services.audit.pages import Row

_EPOCH_ORDINAL: Final = 730_120  # 2000-01-01, from which sql/facts.sql counts days
_ENTRIES: Final = (
    "SELECT line, gl_account, account_id, facility, amount_minor, currency, effective_on,"
    " booked_on, recorded_at FROM daybook.ledger_entries WHERE tenant = $1 AND transaction_id = $2"
    " ORDER BY line"
)
_ORPHANS: Final = (
    "SELECT l.tenant, l.transaction_id FROM daybook.ledger_entries l"
    " WHERE NOT EXISTS (SELECT FROM daybook.events e WHERE e.tenant = l.tenant"
    " AND e.stream_id || '-' || e.version = l.transaction_id)"
    " GROUP BY l.tenant, l.transaction_id ORDER BY l.tenant, l.transaction_id LIMIT $1"
)
_FIELDS: Final = (
    "gl_account",
    "account_id",
    "facility",
    "amount_minor",
    "currency",
    "effective_on",
    "booked_on",
    "recorded_at",
)
_BRIEF: Final[tuple[str, ...]] = ("gl_account", "amount_minor", "currency")

Entry = dict[str, Any]


class Ledger:
    """Compares the entries of each event with its postings, and finds entries of no event."""

    def __init__(self, findings: Findings, bodies: Bodies) -> None:
        self._findings = findings
        self._bodies = bodies
        self._matched = 0

    async def take(self, connection: AnyConnection, rows: list[Row], known: Known) -> None:
        """Check a page; only entries that differ are read one by one."""
        self._matched += sum(row["lines"] for row in rows)
        for recorded, row in known:
            event = recorded.event
            expected = None
            if isinstance(event, Posted):
                self._findings.checked(Check.BALANCE, 1)
                remainder = sum(posting.amount_minor for posting in event.postings)
                if remainder:
                    self._unbalanced(recorded, event.currency, remainder)
                expected = booked(event)
            if row["text"] != expected:
                await self._compare(connection, recorded)

    def _unbalanced(self, recorded: Recorded, currency: str, remainder: int) -> None:
        what = f"the transaction in {currency}"
        self._findings.at(Check.BALANCE, recorded, what, expected="0", found=str(remainder))

    async def _compare(self, connection: AnyConnection, recorded: Recorded) -> None:
        transaction_id = event_id(recorded.stream_id, recorded.version)
        found: dict[int, Entry] = {
            row["line"]: dict(row)
            for row in await connection.fetch(_ENTRIES, recorded.tenant, transaction_id)
        }
        expected = _entries(recorded)
        for line in sorted(expected.keys() | found.keys()):
            self._compare_line(recorded, line, expected.get(line), found.get(line))
        sums: defaultdict[str, int] = defaultdict(int)
        for entry in found.values():
            sums[entry["currency"]] += entry["amount_minor"]
        for currency, remainder in sums.items():
            if remainder:
                self._unbalanced(recorded, f"ledger_entries, {currency}", remainder)

    def _compare_line(
        self, recorded: Recorded, line: int, expected: Entry | None, found: Entry | None
    ) -> None:
        names = _BRIEF
        if expected is not None and found is not None:
            names = tuple(name for name in _FIELDS if expected[name] != found[name])
        if names:
            what = f"line {line}: {', '.join(names)}"
            self._findings.at(
                Check.LEDGER_ENTRIES,
                recorded,
                what,
                expected=_text(expected, names),
                found=_text(found, names),
            )

    async def finish(self, connection: AnyConnection) -> None:
        """No entry may stand without an event."""
        entries = await connection.fetchval("SELECT count(*) FROM daybook.ledger_entries")
        self._findings.checked(Check.LEDGER_ENTRIES, entries)
        if entries == self._matched:
            return
        for row in await connection.fetch(_ORPHANS, FINDINGS_KEPT_MAX):
            await self._orphan(connection, row["tenant"], row["transaction_id"])

    async def _orphan(self, connection: AnyConnection, tenant: str, transaction_id: str) -> None:
        try:
            stream_id, version = split_event_id(transaction_id)
        except ValueError:
            stream_id, version = None, None
        if (tenant, stream_id) in self._bodies.broken:
            return  # its event is gone, which is the finding
        place = {"tenant": tenant, "stream_id": stream_id, "version": version}
        sums: defaultdict[str, int] = defaultdict(int)
        for entry in await connection.fetch(_ENTRIES, tenant, transaction_id):
            sums[entry["currency"]] += entry["amount_minor"]
            what = f"transaction {transaction_id}, line {entry['line']}: no event booked it"
            found = _text(dict(entry), _BRIEF)
            self._findings.add(Check.LEDGER_ENTRIES, what, **place, found=found)
        for currency, remainder in sums.items():
            if remainder:
                what = f"transaction {transaction_id} in {currency}"
                found = str(remainder)
                self._findings.add(Check.BALANCE, what, **place, expected="0", found=found)


def booked(event: Posted) -> str | None:
    """The entries of an event as the text that sql/facts.sql makes of them; None for no entries.

    The lengths keep the free texts behind them apart, so that two texts are never alike by chance.
    """
    account_id, facility, currency = event.account_id, event.facility, event.currency
    days = (
        f"{event.effective_on.toordinal() - _EPOCH_ORDINAL}|"
        f"{event.booked_on.toordinal() - _EPOCH_ORDINAL}|t|{len(account_id)}|{len(facility)}|"
    )
    return (
        "".join(
            f"{line}|{posting.amount_minor}|{days}{len(posting.gl_account)}|{len(currency)}|"
            f"{account_id}{facility}{posting.gl_account}{currency}"
            for line, posting in enumerate(event.postings, 1)
        )
        or None
    )


def _entries(recorded: Recorded) -> dict[int, Entry]:
    event = recorded.event
    if not isinstance(event, Posted):
        return {}
    same = {
        "account_id": event.account_id,
        "facility": event.facility,
        "currency": event.currency,
        "effective_on": event.effective_on,
        "booked_on": event.booked_on,
        "recorded_at": recorded.recorded_at,
    }
    return {
        line: same | {"gl_account": posting.gl_account, "amount_minor": posting.amount_minor}
        for line, posting in enumerate(event.postings, 1)
    }


def _text(entry: Entry | None, names: tuple[str, ...]) -> str | None:
    return None if entry is None else " ".join(str(entry[name]) for name in names)
