"""What an operator watches of the FHIR gateway."""

from typing import Final

from prometheus_client import Counter, Gauge

KEPT: Final = Counter(
    "daybook_fhir_kept_total", "Resources handed to the FHIR server and kept there", ["type"]
)
REFUSED: Final = Counter(
    "daybook_fhir_refused_total", "Resources that the FHIR server refused", ["type"]
)
AWAY: Final = Counter(
    "daybook_fhir_away_total", "Times that the FHIR server or Postgres did not take a batch"
)
POSITION: Final = Gauge(
    "daybook_fhir_position", "The last position of the log that the FHIR gateway acked"
)
LAG_SECONDS: Final = Gauge(
    "daybook_fhir_lag_seconds", "How old the oldest event is that the FHIR server did not take yet"
)
# Shown as 0 from the start: a rule sees no increase in a series that begins with its first one.
for _type in ("Account", "ChargeItem", "Invoice", "PaymentReconciliation"):
    KEPT.labels(_type)
    REFUSED.labels(_type)
