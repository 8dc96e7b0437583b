"""Fixtures of every test: one real stack for the whole session, and a way to wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
import structlog

from services.embedded.addresses import Addresses
from services.embedded.background import BackgroundStack, start_for_tests
from services.embedded.programs import program

pytest_plugins = [
    "tests.fixtures.databases",
    "tests.fixtures.audited",  # behind what it imports
    "tests.fixtures.bundles",
    "tests.fixtures.intake",
    "tests.fixtures.read_models",
    "tests.fixtures.s3_server",
    "tests.fixtures.whole_stack",
]

# Drawn by rich with all its locals, the trace of one fault takes a quarter of a second.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
WAIT_SECONDS_MAX = 30


@pytest.fixture(scope="session")
def background_stack() -> Iterator[BackgroundStack]:
    """Postgres and NATS, ephemeral and fast rather than durable; Temporal on demand."""
    background = start_for_tests()
    yield background
    background.stop()


@pytest.fixture(scope="session")
def stack(background_stack: BackgroundStack) -> Addresses:
    """The addresses of Postgres and NATS."""
    return background_stack.addresses


@pytest.fixture(scope="session")
def temporal_address(background_stack: BackgroundStack) -> str:
    """The real Temporal server, started for the first test that asks."""
    return background_stack.start_temporal()


@pytest.fixture(scope="session")
def temporal_test_server() -> str:
    """The time-skipping server's program, for `test_server_existing_path`."""
    return str(program("temporal-test-server"))


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; fails when it does not within the deadline."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while not condition():  # noqa: ASYNC110, what happens in another process sets no event
                await asyncio.sleep(0.02)

    return wait
