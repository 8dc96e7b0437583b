"""What an audit finds: which check, where, what should be there and what is."""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import Final

import msgspec

from contracts.ids import event_id
from projections.recorded import Recorded

# A damaged table has as many findings as rows; an auditor needs the first ones and their number.
FINDINGS_KEPT_MAX: Final = 100


class Check(StrEnum):
    """What is verified, in the order of a report."""

    POSITIONS = "positions"
    LOG_HEAD = "log_head"
    EVENTS = "events"
    OUTBOX = "outbox"
    LEAVES = "leaves"
    TILES = "tiles"
    CHECKPOINTS = "checkpoints"
    VERSIONS = "versions"
    BODIES = "bodies"
    BALANCE = "balance"
    LEDGER_ENTRIES = "ledger_entries"
    STREAM_HEADS = "stream_heads"
    ACCOUNT_HEADS = "account_heads"
    OPEN_ITEMS = "open_items"
    CLAIMS = "claims"
    COUNTERS = "counters"
    PRICES = "prices"
    INBOX = "inbox"
    ANSWERS = "answers"
    READ_MODELS = "read_models"
    STREAM = "stream"


MEANING: Final = {
    Check.POSITIONS: "dense over the log, each tenant and each partition; in order of time",
    Check.LOG_HEAD: "the heads of log and tenants are where the log ends",
    Check.EVENTS: "every position has its event, every event a position or a place in the outbox",
    Check.OUTBOX: "waiting commands name events that have no position yet",
    Check.LEAVES: "every leaf follows from the stored bytes",
    Check.TILES: "every tile of the Merkle tree follows from the leaves",
    Check.CHECKPOINTS: "signed by the log's key, over the root that the leaves give",
    Check.VERSIONS: "1 to n in every stream",
    Check.BODIES: "of a type of the catalogue, readable, kept in order by the right key",
    Check.BALANCE: "every transaction sums to zero in each currency",
    Check.LEDGER_ENTRIES: "exactly the postings of the events",
    Check.STREAM_HEADS: "version and state as the events give them",
    Check.ACCOUNT_HEADS: "version, balances and status as the events give them",
    Check.OPEN_ITEMS: "exactly what the events leave open",
    Check.CLAIMS: "exactly the identities that the events take",
    Check.COUNTERS: "numbers without a gap, and the last one",
    Check.PRICES: "exactly the prices that the events publish",
    Check.INBOX: "each message that led to an event, with the event that it led to",
    Check.ANSWERS: "what a repeated request is answered with is an event",
    Check.READ_MODELS: "every row as a replay up to the checkpoint gives it; they tie",
    Check.STREAM: "every retained position once, with the stored body",
}


SINCE_ANYWHERE: Final = (
    Check.POSITIONS,
    Check.LOG_HEAD,
    Check.LEAVES,
    Check.TILES,
    Check.CHECKPOINTS,
    Check.BODIES,
    Check.BALANCE,
    Check.LEDGER_ENTRIES,
)
"""What can be verified without the events before a position."""

OF_THE_LOG: Final = (
    Check.POSITIONS,
    Check.LOG_HEAD,
    Check.EVENTS,
    Check.OUTBOX,
    Check.LEAVES,
    Check.TILES,
    Check.CHECKPOINTS,
)
"""What is verified of the log itself, without what follows from it."""

_RANK: Final = {check: rank for rank, check in enumerate(Check)}


def checks_of(since: int, deep: bool, *, with_stream: bool) -> Iterator[Check]:
    """What is checked, from a position on."""
    for check in Check:
        if check is Check.STREAM:
            wanted = with_stream
        else:
            wanted = (deep or check in OF_THE_LOG) and (since == 1 or check in SINCE_ANYWHERE)
        if wanted:
            yield check


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as the events say, and its place where it has one."""

    check: Check
    what: str
    position: int | None = None
    tenant: str | None = None
    stream_id: str | None = None
    version: int | None = None
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        return f"{self.check}: {self._place()}{self.what}{self._difference()}"

    def _place(self) -> str:
        parts = [] if self.position is None else [f"position {self.position}"]
        if self.tenant is not None:
            parts.append(f"tenant {self.tenant}")
        if self.stream_id is not None:
            named = self.stream_id
            parts.append(named if self.version is None else event_id(named, self.version))
        return f"{', '.join(parts)}: " if parts else ""

    def _difference(self) -> str:
        if self.expected is None and self.found is None:
            return ""
        expected = "nothing" if self.expected is None else self.expected
        found = "nothing" if self.found is None else self.found
        return f" (expected {expected}, found {found})"


class CheckCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much a check looked at, and how much of it was wrong."""

    check: Check
    checked: int
    findings: int


class Findings:
    """Collects findings and counts of some checks. Of each check the ones at the lowest positions
    are kept, and the first ones without a position; `lowest` knows them all."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self.lowest: int | None = None
        """The lowest position of any finding, 0 if one has none; None when all is well."""
        self._placed: defaultdict[Check, list[Finding]] = defaultdict(list)
        self._unplaced: defaultdict[Check, list[Finding]] = defaultdict(list)
        self._found: Counter[Check] = Counter()
        self._checked = Counter(dict.fromkeys(checks, 0))

    def add(self, check: Check, what: str, **place: str | int | None) -> None:
        """Note a finding; `place` has the other fields of `Finding`."""
        finding = msgspec.convert({"check": check, "what": what, **place}, Finding)
        position = finding.position or 0
        self._found[check] += 1
        self.lowest = position if self.lowest is None else min(position, self.lowest)
        kept = (self._unplaced if finding.position is None else self._placed)[check]
        if len(kept) < FINDINGS_KEPT_MAX or position < _position(kept[-1]):
            # Behind those of its position: the lists are short and mostly added to at the end.
            insort(kept, finding, key=_position)
            del kept[FINDINGS_KEPT_MAX:]

    def at(
        self,
        check: Check,
        recorded: Recorded,
        what: str,
        *,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        """Note a finding about an event."""
        self.add(
            check,
            what,
            position=recorded.position or None,
            tenant=recorded.tenant,
            stream_id=recorded.stream_id,
            version=recorded.version,
            expected=expected,
            found=found,
        )

    def checked(self, check: Check, count: int) -> None:
        """Note that so much was looked at."""
        self._checked[check] += count

    def found(self, check: Check) -> int:
        """How many findings a check has so far."""
        return self._found[check]

    def counts(self) -> tuple[CheckCount, ...]:
        """Every check that was made."""
        return tuple(
            CheckCount(check=check, checked=self._checked[check], findings=self._found[check])
            for check in Check
            if check in self._checked
        )

    def ordered(self) -> tuple[Finding, ...]:
        """What is wrong with the log itself, then what does not follow from it; by position."""
        kept = (*self._placed.values(), *self._unplaced.values())
        return tuple(sorted(chain.from_iterable(kept), key=_order))


def _position(finding: Finding) -> int:
    return finding.position or 0


def _order(finding: Finding) -> tuple[bool, bool, int, int]:
    rank, position = _RANK[finding.check], finding.position
    return rank > _RANK[Check.BALANCE], position is None, position or 0, rank
