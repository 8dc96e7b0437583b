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
    "daybook_sagas_parked",
    "Encounters, claims and bills that were set aside for a person",
    ["saga"],
)
# Shown as 0 from the start: a rule sees no increase in a series that begins with its first one.
for _saga in ("encounter", "remittance", "bill"):
    PARKED.labels(_saga)
GATEWAY_ANSWERED: Final = Counter(
    "daybook_gateway_answers_total",
    "Payments, refunds and removals that the gateway made or refused",
    ["what", "answer"],
)
GATEWAY_UNANSWERED: Final = Counter(
    "daybook_gateway_unanswered_total",
    "Attempts that the gateway did not answer, or that could not be made: they are repeated",
    ["what"],
)
GATEWAY_UNBOOKED: Final = Counter(
    "daybook_gateway_unbooked_total",
    "Attempts to record an answer of the gateway that the ledger refused: they are repeated",
    ["what"],
)
for _what in ("payment", "refund", "payment method"):
    GATEWAY_UNANSWERED.labels(_what)
    GATEWAY_UNBOOKED.labels(_what)
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
