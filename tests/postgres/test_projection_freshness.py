"""Waiting for what a command did, and saying how far behind a read model is."""

import asyncio

import pytest

from contracts.ids import event_id
from projections.freshness import NotYet, UnknownToken, lags, wait_for
from projections.projection import REGISTRY, Poison, projection_named
from tests.fixtures.ledger_events import LedgerEvents
from tests.fixtures.read_models import ReadModels, make_poison, written_down

NAMES = ("account_balances", "payments")


def log_of_one_tenant() -> LedgerEvents:
    ledger = LedgerEvents()
    account = ledger.open_account("pat-1")
    for _ in range(30):
        ledger.charge(account)
    return ledger


async def prepared(read_models: ReadModels) -> tuple[LedgerEvents, str]:
    ledger = log_of_one_tenant()
    await read_models.write_log(ledger.recorded)
    for projection in REGISTRY:
        await read_models.live(projection)
    last = ledger.recorded[-1]
    return ledger, event_id(last.stream_id, last.version)


async def wait(read_models: ReadModels, token: str, seconds: float = 10) -> int:
    async with read_models.reader("demo") as connection:
        return await wait_for(connection, token, NAMES, tenant="demo", timeout_seconds=seconds)


async def test_a_query_waits_until_the_projections_it_reads_have_seen_the_token(
    read_models: ReadModels,
) -> None:
    ledger, token = await prepared(read_models)
    end = len(ledger.recorded)
    waiting = asyncio.create_task(wait(read_models, token))
    await read_models.catch_up(end, [projection_named("account_balances")])
    assert not waiting.done()
    await read_models.catch_up(end, [projection_named("payments")])
    assert await waiting == end
    assert await wait(read_models, token, 0) == end


async def test_what_is_not_there_in_time_is_answered_with_the_lag(
    read_models: ReadModels,
) -> None:
    ledger, token = await prepared(read_models)
    await read_models.catch_up(10)
    with pytest.raises(NotYet) as late:
        await wait(read_models, token, 0.05)
    assert late.value.lag_events == len(ledger.recorded) - 10
    assert late.value.lag_seconds > 0
    assert late.value.halted is None


async def test_the_lag_is_that_of_the_read_model_and_not_the_age_of_what_was_asked_for(
    read_models: ReadModels,
) -> None:
    """The oldest event that is missing may be another tenant's, and older by an hour."""
    ledger, token = await prepared(read_models)
    await read_models.catch_up(10)
    await read_models.admin.execute(
        "ALTER TABLE daybook.event_log DISABLE TRIGGER USER;"
        "UPDATE daybook.event_log SET committed_at = clock_timestamp();"
        "UPDATE daybook.event_log SET committed_at = clock_timestamp() - interval '1 hour',"
        " tenant = 'other', tenant_position = 1000 WHERE position = 11"
    )
    assert len(ledger.recorded) > 11
    with pytest.raises(NotYet) as late:
        await wait(read_models, token, 0)
    assert 3_600 <= late.value.lag_seconds < 3_900


async def test_a_halted_projection_is_not_waited_for(read_models: ReadModels) -> None:
    ledger, token = await prepared(read_models)
    await make_poison(read_models, 5)
    projection = written_down(Poison.HALT)
    async with read_models.follower(projection) as follower:
        with pytest.raises(Exception, match="halted"):
            await follower.receive(ledger.recorded)
    async with read_models.reader("demo") as connection:
        with pytest.raises(NotYet, match="operator") as late:
            await wait_for(connection, token, [projection.name], tenant="demo", timeout_seconds=600)
    assert late.value.halted == projection.name


@pytest.mark.parametrize(
    "token",
    ["chg_1", "", "-1", "chg_none-1", "chg_none-" + "9" * 40, "chg\x00-1", "chg_\u0661-\u0661"],
)
async def test_a_token_that_no_command_answered_is_unknown(
    read_models: ReadModels, token: str
) -> None:
    await prepared(read_models)
    with pytest.raises(UnknownToken):
        await wait(read_models, token)


async def test_the_token_of_another_tenant_is_unknown(read_models: ReadModels) -> None:
    _, token = await prepared(read_models)
    async with read_models.reader("other") as connection:
        for tenant in ("demo", "other"):
            with pytest.raises(UnknownToken):
                await wait_for(connection, token, NAMES, tenant=tenant, timeout_seconds=5)


async def test_the_lag_of_every_read_model_is_known(read_models: ReadModels) -> None:
    ledger, _ = await prepared(read_models)
    end = len(ledger.recorded)
    await read_models.catch_up(end, REGISTRY[:1])
    async with read_models.pool.acquire() as connection:
        found = {lag.name: lag for lag in await lags(connection)}
    assert set(found) == {projection.name for projection in REGISTRY}
    assert (found["account_balances"].events, found["account_balances"].seconds) == (0, 0)
    assert found["payments"].events == end
    assert found["payments"].seconds > 0
