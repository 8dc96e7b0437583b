"""Spans of OpenTelemetry around work on what several traces brought.

A batch has one span: the first trace that it works for is its parent, the others are linked. While
nobody traces, a span is one look at a variable; `services/tracing.py` sets up who does.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)

# https://www.w3.org/TR/trace-context/#traceparent-header; version ff is forbidden, and a higher
# version than 00 may carry more fields behind these.
TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z"
)
_LINKS_MAX: Final = 128
_tracer: Tracer | None = None


def trace_with(tracer: Tracer | None) -> None:
    """From now on spans are recorded by this tracer; by none, with None."""
    global _tracer
    _tracer = tracer


def tracer() -> Tracer | None:
    """Who records spans; None while nobody does."""
    return _tracer


def begin(
    name: str, traceparents: Iterable[str | None], kind: SpanKind = SpanKind.INTERNAL
) -> Span:
    """A span for work that these traces asked for; whoever began it ends it."""
    if _tracer is None:
        return INVALID_SPAN
    contexts = [
        context for text in dict.fromkeys(traceparents) if (context := context_of(text)) is not None
    ]
    parent = set_span_in_context(NonRecordingSpan(contexts[0])) if contexts else None
    links = [Link(context) for context in contexts[1 : _LINKS_MAX + 1]]
    return _tracer.start_span(name, context=parent, kind=kind, links=links)


@contextmanager
def span(
    name: str, traceparents: Iterable[str | None], kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """The current span within a block; an error that leaves the block is noted in it."""
    if _tracer is None:
        yield INVALID_SPAN
        return
    with use_span(
        begin(name, traceparents, kind), end_on_exit=True, record_exception=False
    ) as current:
        yield current


def context_of(traceparent: str | None) -> SpanContext | None:
    """The span that a W3C traceparent names, None when it names none."""
    found = TRACEPARENT.match(traceparent or "")
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def traceparent_of(span: Span) -> str | None:
    """The W3C traceparent that names a span, None for one that is nowhere."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    flags = f"{int(context.trace_flags):02x}"
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}"


def within(traceparent: str | None) -> str | None:
    """The current span when it belongs to the same trace, else what was given."""
    if _tracer is None:
        return traceparent
    current = traceparent_of(get_current_span())
    if current is None or (traceparent is not None and current[:35] != traceparent[:35]):
        return traceparent
    return current
