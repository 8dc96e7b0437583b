"""Tenants with something outstanding, and a worker that does nothing but compute their ageing."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime

import asyncpg
from temporalio.client import Client
from temporalio.worker import Worker

from services.sagas.aging import Aging
from services.sagas.aging_refresh import AgingRefresh
from services.sagas.worker import RUNNER
from tests.fixtures.databases import Database
from tests.fixtures.ledger_events import LedgerEvents
from tests.fixtures.read_models import ReadModels


class AgedBooks:
    """The books of some tenants, applied to the read models or not yet."""

    def __init__(self, read_models: ReadModels, reporter: asyncpg.Pool) -> None:
        self.read_models = read_models
        self.reporter = reporter
        self.ledger = LedgerEvents()
        self._written = 0

    async def bill(self, tenants: Sequence[str]) -> None:
        """An issued invoice of each tenant, in the log alone."""
        for tenant in tenants:
            account = self.ledger.open_account("pat-1", tenant=tenant)
            self.ledger.charge(account)
            self.ledger.issue(account, self.ledger.draft(account))
        await self.read_models.write_log(self.ledger.recorded[self._written :])
        self._written = len(self.ledger.recorded)
        await self.read_models.admin.executemany(
            "INSERT INTO tenant_log_heads VALUES ($1, 1, '{1}')", [(name,) for name in tenants]
        )

    async def catch_up(self) -> None:
        """Apply the whole log."""
        await self.read_models.catch_up(self._written)

    async def reports(self) -> dict[str, tuple[date, datetime]]:
        """The latest report of each tenant: its day, and when it was computed."""
        rows = await self.read_models.admin.fetch(
            "SELECT tenant, max(as_of) AS as_of, max(refreshed_at) AS refreshed_at"
            " FROM read.aging_reports GROUP BY tenant"
        )
        return {row["tenant"]: (row["as_of"], row["refreshed_at"]) for row in rows}

    def worker(
        self, client: Client, task_queue: str, *, tenants_max: int = 100
    ) -> AbstractAsyncContextManager[Worker]:
        """A worker of AgingRefresh."""
        aging = Aging(self.reporter, tenants_max=tenants_max)
        return Worker(
            client,
            task_queue=task_queue,
            workflows=[AgingRefresh],
            activities=[aging.find_due, aging.refresh],
            workflow_runner=RUNNER,
        )


async def aged_books(database: Database, read_models: ReadModels) -> AgedBooks:
    """Books without a tenant."""
    return AgedBooks(read_models, await database.pool("daybook_reporter", 4))
