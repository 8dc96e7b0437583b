"""What a process logs: one JSON object a line, whoever says it."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from services.logging import configure_logging
configure_logging("relay", json=True)
structlog.get_logger().warning("ours", position=7)
try:
    raise ConnectionRefusedError("no server")
except OSError:
    logging.getLogger("asyncpg.pool").warning("of a %s", "library", exc_info=True)
logging.getLogger("asyncpg.pool").info("too much")
"""


def test_our_lines_and_those_of_libraries_are_json() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    ours, of_library = (json.loads(line) for line in done.stderr.splitlines())
    assert (ours["event"], ours["position"]) == ("ours", 7)
    assert (of_library["event"], of_library["logger"]) == ("of a library", "asyncpg.pool")
    assert "ConnectionRefusedError: no server" in of_library["exception"]
    assert {line["process"] for line in (ours, of_library)} == {"relay"}
    assert {line["level"] for line in (ours, of_library)} == {"warning"}
