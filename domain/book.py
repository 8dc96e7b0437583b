"""What a command is decided on: the loaded write-side state of one tenant, kept up in memory.

Commands of a batch are decided one after the other on the same book, so that two of them on one
stream both succeed; `take` books what a command decided, for the commands behind it.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.event import Event, is_of_account
from contracts.ids import AccountId
from contracts.price_list import PriceListPublished, PricesAdded
from domain.accrual import Policies
from domain.exchange import Rates
from domain.pricing import Prices
from domain.rejections import EverythingSealed, Invalid, NotFound
from domain.tax import TaxRules
from domain.write_side import (
    UNALLOCATED,
    AccountHead,
    ItemKind,
    OpenItem,
    account_after,
    counter_of,
    open_items_after,
)


@dataclass(slots=True)
class Calendar:
    """Local dates: the zone of each facility, the tenant's default, and what is sealed."""

    default_zone: str = "UTC"
    zones: dict[str, str] = field(default_factory=dict)
    sealed_through: date | None = None

    def zone(self) -> ZoneInfo:
        """The tenant's own, which months of bills are local to."""
        return ZoneInfo(self.default_zone)

    def local_date(self, facility: str, instant: datetime) -> date:
        """The facility's calendar date at an instant."""
        return instant.astimezone(ZoneInfo(self.zones.get(facility, self.default_zone))).date()

    def posting_date(self, facility: str, instant: datetime) -> date:
        """Today at the facility, or the first open day when today is sealed already.

        Raises EverythingSealed.
        """
        today = self.local_date(facility, instant)
        if self.sealed_through is not None and today <= self.sealed_through:
            if self.sealed_through == date.max:
                raise EverythingSealed(f"every day is sealed through {date.max}: open a period")
            return self.sealed_through + timedelta(days=1)
        return today


@dataclass(slots=True)
class Book:
    """The state of one tenant as far as a batch of commands needs it."""

    tenant: str
    recorded_at: datetime
    calendar: Calendar = field(default_factory=Calendar)
    prices: Prices = field(default_factory=Prices)
    tax_rules: TaxRules = field(default_factory=TaxRules)
    states: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, AccountHead] = field(default_factory=dict)
    open_items: dict[str, dict[tuple[ItemKind, str], OpenItem]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    refund_thresholds: dict[str, int] = field(default_factory=dict)
    """By currency: a refund of less than this, in minor units, approves itself."""
    rates: Rates = field(default_factory=Rates)
    accrual: Policies = field(default_factory=dict)
    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    _today: dict[str, date] = field(default_factory=dict)

    def copy(self) -> "Book":
        """A book to try commands on, which may be given up for this one."""
        return replace(
            self,
            prices=Prices({key: list(found) for key, found in self.prices.windows.items()}),
            states=dict(self.states),
            versions=dict(self.versions),
            accounts=dict(self.accounts),
            open_items={account: dict(items) for account, items in self.open_items.items()},
            counters=dict(self.counters),
            claims=dict(self.claims),
        )

    def account(self, account_id: AccountId) -> AccountHead:
        """The head of an account; raises NotFound."""
        head = self.accounts.get(account_id)
        if head is None:
            raise NotFound(f"there is no account {account_id}")
        return head

    def today(self, facility: str) -> date:
        """The posting date at a facility; raises EverythingSealed."""
        known = self._today.get(facility)
        if known is None:
            known = self.calendar.posting_date(facility, self.recorded_at)
            self._today[facility] = known
        return known

    def check_happened(self, name: str, facility: str, day: date | None) -> None:
        """Refuse a day that is still to come at a facility; raises Invalid.

        Tomorrow is taken: a sender's clock and zone may be ahead of ours.
        """
        if day is None:
            return
        latest = self.calendar.local_date(facility, self.recorded_at) + timedelta(days=1)
        if day > latest:
            raise Invalid(f"{name} {day} is still to come at {facility}: {latest} is the latest")

    def items(self, account_id: AccountId, kind: ItemKind) -> list[OpenItem]:
        """The open items of an account of one kind, in no order."""
        return [item for item in self.open_items.get(account_id, {}).values() if item.kind == kind]

    def owed(self, account_id: AccountId) -> list[OpenItem]:
        """What an account is asked to pay: its issued invoices, and what is on none."""
        owed = self.items(account_id, ItemKind.INVOICE)
        return owed + self.items(account_id, ItemKind.UNALLOCATED)

    def invoices(self, account_id: AccountId) -> dict[str, OpenItem]:
        """The invoices of an account that are not settled, by their ids."""
        return {item.item_id: item for item in self.items(account_id, ItemKind.INVOICE)}

    def unallocated_minor(self, account_id: AccountId) -> int:
        """What an account owes on no invoice, at least nothing."""
        item = self.item(account_id, ItemKind.UNALLOCATED, UNALLOCATED)
        return max(item.outstanding_minor, 0) if item else 0

    def free_credit_minor(self, account_id: AccountId, but: str | None = None) -> int:
        """An account's credit less what is held for refunds, of which `but` is left out."""
        held = self.items(account_id, ItemKind.HELD)
        held_minor = sum(item.outstanding_minor for item in held if item.item_id != but)
        return max(self.account(account_id).credit_minor - held_minor, 0)

    def item(self, account_id: AccountId, kind: ItemKind, item_id: str) -> OpenItem | None:
        """One open item, or None when it is settled or was never open."""
        return self.open_items.get(account_id, {}).get((kind, item_id))

    def next_number(self, counter: str) -> int:
        """What a locked counter gives next; the event that carries the number draws it in `take`.

        Raises KeyError for one that was not locked: its number could be drawn twice.
        """
        return self.counters[counter] + 1

    def take(self, stream_id: str, event: Event, state: Any) -> None:
        """Book a decided event: the stream's new state, its account and its open items."""
        self.states[stream_id] = state
        self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
        counter = counter_of(event)
        if counter is not None:
            self.counters[counter] += 1
        if type(event) is PriceListPublished or type(event) is PricesAdded:
            self.prices.add(event.prices, event.price_list_id)
        if is_of_account(event):
            account_id = event.account_id
            head = account_after(self.accounts.get(account_id), event)
            if head is not None:
                self.accounts[account_id] = head
            open_items_after(self.open_items.setdefault(account_id, {}), event)
