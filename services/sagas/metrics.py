"""What an operator watches of the sagas."""

from typing import Final

from prometheus_client import Counter, Gauge

STARTED: Final = Counter(
    "daybook_sagas_started_total", "Encounters and remittances handed to Temporal", ["saga"]
)
SIGNALLED: Final = Counter(
    "daybook_sagas_signalled_total",
    "Signals to workflows: resumed, or an invoice was issued",
    ["saga"],
)
PARKED: Final = Counter(
    "daybook_sagas_parked", "Encounters and claims that were set aside for a person", ["saga"]
)
# Shown as 0 from the start: a rule sees no increase in a series that begins with its first one.
for _saga in ("encounter", "remittance"):
    PARKED.labels(_saga)
AGING_REPORTS: Final = Counter(
    "daybook_aging_reports_total", "Ageing reports that were computed for a day that has ended"
)
CONSUMER_POSITION: Final = Gauge(
    "daybook_sagas_consumer_position", "The last position of the log that the sagas consumer acked"
)
CONSUMER_LAG_SECONDS: Final = Gauge(
    "daybook_sagas_consumer_lag_seconds", "How old the last event was when the consumer acked it"
)
AWAY: Final = Counter(
    "daybook_sagas_away_total", "Times that Temporal or Postgres did not take a batch of events"
)
