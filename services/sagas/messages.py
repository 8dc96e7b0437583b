"""What travels through Temporal: references only, never amounts and never personal data."""

from datetime import date, datetime

import msgspec


class Encounters(msgspec.Struct, frozen=True, kw_only=True):
    """Encounters to be charged; those that are parked are waited for together."""

    tenant: str
    encounter_ids: tuple[str, ...]


class EncountersCharged(msgspec.Struct, frozen=True, kw_only=True):
    """The encounters that are parked now; every other one is billed."""

    parked: tuple[str, ...] = ()


class Remittances(msgspec.Struct, frozen=True, kw_only=True):
    """Remittances to be posted; those with claims without an invoice wait together.

    What the workflow keeps when it continues as new: `waiting_since`, when it began to wait, and
    `parked_too`, that somebody asked to try parked claims again.
    """

    tenant: str
    remittance_ids: tuple[str, ...]
    waiting_since: datetime | None = None
    parked_too: bool = False


class GlExports(msgspec.Struct, frozen=True, kw_only=True):
    """Exports of the general ledger to be made."""

    tenant: str
    gl_export_ids: tuple[str, ...]


class ExportLedger(msgspec.Struct, frozen=True, kw_only=True):
    """Make one export."""

    tenant: str
    gl_export_id: str


class PostClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Post the open claims of remittances.

    `parked_too` tries the parked ones again; `give_up` parks what has no invoice yet.
    """

    tenant: str
    remittance_ids: tuple[str, ...]
    parked_too: bool = False
    give_up: bool = False


class ClaimsPosted(msgspec.Struct, frozen=True, kw_only=True):
    """The remittances with claims whose invoice is still to come, and the tenant's patience."""

    waiting: tuple[str, ...] = ()
    wait_days: int


class PayByCard(msgspec.Struct, frozen=True, kw_only=True):
    """Have a card payment taken and booked."""

    tenant: str
    payment_id: str


class SettleRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Bring a refund to its end."""

    tenant: str
    refund_id: str


class RefundStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a refund still waits for somebody's decision."""

    waits: bool


class ForgetMethod(msgspec.Struct, frozen=True, kw_only=True):
    """Have the gateway forget a payment method."""

    tenant: str
    payment_method_id: str


class AgingProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a refresh is: the last tenant that was looked at, and how many failed."""

    after: str = ""
    failed: int = 0


class TenantsAfter(msgspec.Struct, frozen=True, kw_only=True):
    """The tenants behind a name, a page of them."""

    after: str


class TenantsDue(msgspec.Struct, frozen=True, kw_only=True):
    """Tenants whose ageing is due; `after` is the last one looked at, null where none is left."""

    tenants: tuple[str, ...]
    after: str | None


class TenantAging(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant whose ageing is to be refreshed."""

    tenant: str


class StatementRuns(msgspec.Struct, frozen=True, kw_only=True):
    """A run of statements; its facilities are worked on one after the other."""

    tenant: str
    run_id: str
    after: str = ""
    """The last facility that is done, in a history that goes on."""


class FacilitiesAfter(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the facilities of a run behind one."""

    tenant: str
    run_id: str
    after: str


class Facilities(msgspec.Struct, frozen=True, kw_only=True):
    """Some facilities of a run; none where there are no more, or the run has ended."""

    facilities: tuple[str, ...] = ()


class StatementPage(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of a facility behind one, a page of them."""

    tenant: str
    run_id: str
    facility: str
    after: str = ""


class StatementPageDone(msgspec.Struct, frozen=True, kw_only=True):
    """The last account of a page that is done, null where none is left."""

    after: str | None


class EndStatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """Every account was seen to."""

    tenant: str
    run_id: str


class Collections(msgspec.Struct, frozen=True, kw_only=True):
    """The invoices of a tenant that were due on a day; the days behind it that are done."""

    tenant: str
    due_on: date
    done_day: int = 0


class CollectOn(msgspec.Struct, frozen=True, kw_only=True):
    """Remind of what is outstanding, or hand it over, as the schedule says for a day."""

    tenant: str
    due_on: date
    day: int


class DayAfter(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the day of the schedule behind those that are done."""

    tenant: str
    due_on: date
    done_day: int
    today: date


class NextDay(msgspec.Struct, frozen=True, kw_only=True):
    """The next day of the schedule, in days after the due date; null: there is none, or nothing is
    outstanding any more."""

    day: int | None
