"""Line items over HTTP, by many clients on one bill: they share its lock and group commits."""

from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from services.bench.figures import Figure
from services.bench.http_load import Load
from services.bench.http_run import figures_of, run

_CLIENTS: Final = 64
_ITEM: Final = '{"currency":"USD","amount_cents":250,"description":"api fee"}'


async def bench_items(port: int, seconds: float) -> list[Figure]:
    """What single items on one bill come to."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        ends = datetime.now(UTC) + timedelta(days=1)
        wanted = {"currency": "USD", "end_time": ends.isoformat()}
        made = await client.post("/v1/bills", json=wanted, headers={"Idempotency-Key": "bench"})
    load = Load(
        port=port,
        method="POST",
        paths=(f"/v1/bills/{made.json()['bill']['id']}/line_items",),
        bodies=(_ITEM,),
        clients=_CLIENTS,
        seconds=seconds,
        is_keyed=True,
    )
    return figures_of(f"POST line items of one bill, {_CLIENTS} clients", await run(load, 201))
