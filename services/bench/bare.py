"""What Litestar alone does: one handler that reads the same body and answers one of its size, on
the same server with the same settings. The API's commands are measured against it."""

import sys
from datetime import date

import msgspec
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar, get, post

from services.collector import tune_collector


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
    server = Server(
        Litestar([bare, live], openapi_config=None),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    await server.serve()


def main() -> None:
    """Serve on the port that the command line names until killed."""
    tune_collector()
    uvloop.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
