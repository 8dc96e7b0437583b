"""Structured logs: JSON lines for machines, readable lines on a terminal."""

import logging
import sys
from typing import Any

import structlog


def configure_logging(process: str, *, level: str = "info", json: bool | None = None) -> None:
    """Log to standard error; JSON unless a person is watching (or `json` says so).

    Every line carries the process; tenant, correlation_id and position come with the call or from
    structlog's context variables.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    every: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*every, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries log through the standard module: their warnings are ours too, and look like ours.
    handler = logging.StreamHandler(sys.stderr)
    of_libraries = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=of_libraries, foreign_pre_chain=[*every, structlog.stdlib.add_logger_name]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
