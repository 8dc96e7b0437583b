"""What the projector measures, by projection."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from projections.follow import Received
from projections.freshness import Lag

CHECKPOINT: Final = Gauge(
    "daybook_projection_checkpoint", "Last position in the read model.", ["projection"]
)
LAG_EVENTS: Final = Gauge(
    "daybook_projection_lag_events", "Events of the log not in the read model.", ["projection"]
)
LAG_SECONDS: Final = Gauge(
    "daybook_projection_lag_seconds", "Age of the oldest of those events.", ["projection"]
)
HALTED: Final = Gauge(
    "daybook_projection_halted", "1: stopped at an event it could not apply.", ["projection"]
)
BATCH_SECONDS: Final = Histogram(
    "daybook_projection_batch_seconds", "Time to write a batch.", ["projection"]
)
EVENTS: Final = Counter("daybook_projection_events", "Events applied.", ["projection"])
GAPS: Final = Counter(
    "daybook_projection_gaps_filled", "Gaps filled from Postgres.", ["projection"]
)
OVERLAPS: Final = Counter(
    "daybook_projection_overlaps_dropped", "Events that came again.", ["projection"]
)
PARKED: Final = Counter(
    "daybook_projection_parked", "Events set aside, or queued behind one.", ["projection"]
)


def count(projection: str, received: Received, seconds: float) -> None:
    """A delivery was written."""
    BATCH_SECONDS.labels(projection).observe(seconds)
    EVENTS.labels(projection).inc(received.applied)
    GAPS.labels(projection).inc(received.gaps)
    OVERLAPS.labels(projection).inc(received.overlaps)
    PARKED.labels(projection).inc(received.parked)


def show(lag: Lag) -> None:
    """How far a projection is."""
    CHECKPOINT.labels(lag.name).set(lag.checkpoint)
    LAG_EVENTS.labels(lag.name).set(lag.events)
    LAG_SECONDS.labels(lag.name).set(lag.seconds)
    HALTED.labels(lag.name).set(lag.halted)
