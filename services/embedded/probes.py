"""Ways to see whether a server answers."""

import asyncio

import asyncpg

from relay.database import PASSING
from services.embedded.ports import LOOPBACK

ANSWER_SECONDS_MAX = 2.0


async def answers_http(port: int, path: str) -> bool:
    """Whether the path answers 200."""
    try:
        status = await asyncio.wait_for(_http_status(port, path), ANSWER_SECONDS_MAX)
    except (OSError, TimeoutError):
        return False
    return status == b"200"


async def answers_sql(url: str) -> bool:
    """Whether the database lets us in and runs a statement."""
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS_MAX)
    except PASSING:
        return False
    await connection.close()
    return True


async def _http_status(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}:{port}\r\n\r\n".encode())
        status_line = await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
    words = status_line.split()
    return words[1] if len(words) > 1 else b""
