"""What travels through Temporal: references only, never amounts and never personal data."""

from datetime import datetime

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
