"""Traces go to a collector (OTLP over HTTP) where OTEL_EXPORTER_OTLP_ENDPOINT names one.

The variables are OpenTelemetry's own (https://opentelemetry.io/docs/specs/otel/protocol/exporter/),
so that sampling, headers and names are set as everywhere else.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from relay import spans

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_SECONDS_MAX: Final = 3.0
_log = structlog.get_logger()


def start_tracing(
    process: str, environment: Mapping[str, str] = os.environ
) -> Callable[[], None] | None:
    """Record spans and send them; returns what ends it, None where no collector is named."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.name": environment.get("OTEL_SERVICE_NAME", "daybook")}
    provider = TracerProvider(resource=Resource.create(named | {"daybook.process": process}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    spans.trace_with(provider.get_tracer("daybook"))
    _log.info("tracing", process=process)

    def stop() -> None:
        spans.trace_with(None)
        # A collector that is away must not keep the process from ending.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(_FLUSH_SECONDS_MAX)

    return stop


def interceptors() -> list[Any]:
    """What carries traces through Temporal: in a header of its own, which the codec leaves be."""
    tracer = spans.tracer()
    if tracer is None:
        return []
    from temporalio.contrib.opentelemetry import TracingInterceptor

    return [TracingInterceptor(tracer)]
