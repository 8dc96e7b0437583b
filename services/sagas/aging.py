"""The activities of AgingRefresh: who has a day to close, and closing it."""

from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog
from temporalio import activity

from services.aging import ended_days, refresh_ended_days, tenants_after
from services.sagas import metrics
from services.sagas.messages import TenantAging, TenantsAfter, TenantsDue
from services.sagas.pulse import heartbeats
from services.tenant_view import tenant_view

TENANTS_PER_PAGE_MAX: Final = 100

_log = structlog.get_logger()


class Aging:
    """Computes ageing reports; the pool acts as daybook_reporter."""

    def __init__(self, pool: asyncpg.Pool, *, tenants_max: int = TENANTS_PER_PAGE_MAX) -> None:
        self._pool = pool
        self._tenants_max = tenants_max

    @activity.defn(name="find_tenants_due")
    async def find_due(self, work: TenantsAfter) -> TenantsDue:
        """Tenants behind a name, a page of them: those with a facility whose day has ended."""
        async with heartbeats():
            page = await tenants_after(self._pool, work.after, self._tenants_max)
            due = [tenant for tenant in page if await self._is_due(tenant)]
        return TenantsDue(
            tenants=tuple(due), after=page[-1] if len(page) == self._tenants_max else None
        )

    async def _is_due(self, tenant: str) -> bool:
        async with tenant_view(self._pool, tenant) as connection:
            return bool(await ended_days(connection, datetime.now(UTC)))

    @activity.defn(name="refresh_aging")
    async def refresh(self, work: TenantAging) -> None:
        """Compute what is due; raises ReadModelBehind. A repeat finds nothing due any more."""
        async with heartbeats(), tenant_view(self._pool, work.tenant) as connection:
            reports = await refresh_ended_days(connection, datetime.now(UTC))
        metrics.AGING_REPORTS.inc(len(reports))
        _log.info(
            "ageing refreshed",
            tenant=work.tenant,
            reports={report.facility: report.as_of.isoformat() for report in reports},
        )
