"""What Litestar alone does: one handler that reads the same body and answers one of its size, on
the same server with the same settings. The API's commands are measured against it."""

import sys
from datetime import date

import msgspec
import uvloop
from litestar import Litestar, get, post

from services.api.server import server_of
from services.collector import tune_collector
from services.embedded.ports import LOOPBACK


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A charge as a client sends it."""

    account_id: str
    facility: str
    code: str
    system: str
    quantity: int
    service_date: date
    currency: str
    reference: str


@post("/bare", status_code=201, sync_to_thread=False)
def bare(data: Body) -> Body:
    """Answer what was sent."""
    return data


@get("/health/live", sync_to_thread=False)
def live() -> str:
    """It answers."""
    return "ok"


async def _serve(port: int) -> None:
    await server_of(Litestar([bare, live], openapi_config=None), LOOPBACK, port).serve()


def main() -> None:
    """Serve on the port that the command line names until killed."""
    tune_collector()
    uvloop.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
