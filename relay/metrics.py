"""What the relay tells Prometheus. Nothing here alerts anybody: a metric on which an operator's own
rules should says so."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_LAG: Final = Gauge(
    "billing_outbox_lag",
    "Seconds from commit to JetStream's ack: of the last batch, or so far of the oldest unpublished"
    " command if that is longer. Alert above 30.",
)
PUBLISH_LAG: Final = Histogram(
    "daybook_publish_lag_seconds",
    "Seconds from commit to JetStream's ack, of the oldest command of each batch.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
UNSEQUENCED_ROWS: Final = Gauge(
    "daybook_unsequenced_rows", "Commands committed that have no position yet."
)
LOG_HEAD_POSITION: Final = Gauge("daybook_log_head_position", "Last position of the log.")
RELAY_POSITION: Final = Gauge(
    "daybook_relay_position", "Last position that JetStream acknowledged."
)
PUBLISH_ERRORS: Final = Counter(
    "daybook_publish_errors_total", "Publishing that failed, by JetStream's error code.", ["code"]
)
PUBLISH_DUPLICATES: Final = Counter(
    "daybook_publish_duplicates_total", "Messages and batches that JetStream had already."
)
LEASE_EPOCH: Final = Gauge(
    "daybook_lease_epoch", "Fence of the lease when this process last held it.", ["name"]
)
IS_LEADER: Final = Gauge("daybook_is_leader", "1 while this process holds the lease.", ["name"])
OLDEST_TRANSACTION_SECONDS: Final = Gauge(
    "daybook_oldest_transaction_seconds", "Age of the oldest open transaction of the database."
)
HALTED: Final = Gauge(
    "daybook_relay_halted",
    "1 while a part of the relay stands still on something that somebody must look at. Alert.",
    ["part"],
)
STREAM_REBUILDS: Final = Counter(
    "daybook_stream_rebuilds_total", "Times that the stream of events was made whole again."
)
