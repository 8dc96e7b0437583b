"""The resource types that the embedded store keeps, one line each."""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A type: which element names the person it is of, and which statuses there are."""

    name: str
    subject: str | None
    """The element whose reference is the person; `id` where the resource is the person."""
    statuses: frozenset[str] = frozenset()
    """Of its `status`, whose binding is required; none where it has no status."""
    is_standard: bool = True


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FINANCIAL: Final = _words("active cancelled draft entered-in-error")
_ACCOUNT: Final = _words("active inactive entered-in-error on-hold unknown")
_CHARGE: Final = _words(
    "planned billable not-billable aborted billed entered-in-error unknown",
)
_ENCOUNTER: Final = _words(
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
)
_INVOICE: Final = _words("draft issued balanced cancelled entered-in-error")
_WORKFLOW: Final = _words("in-progress completed failed cancelled")

KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("Account", "subject", _ACCOUNT),
        Kind("BillingWorkflow", "subject", _WORKFLOW, is_standard=False),
        Kind("ChargeItem", "subject", _CHARGE),
        Kind("Coverage", "beneficiary", _FINANCIAL),
        Kind("Encounter", "subject", _ENCOUNTER),
        Kind("Invoice", "subject", _INVOICE),
        Kind("Organization", None),
        Kind("Patient", "id"),
        Kind("PaymentReconciliation", None, _FINANCIAL),
    )
}
CODES: Final = {
    "Patient": {"gender": _words("male female other unknown")},
    "PaymentReconciliation": {"outcome": _words("queued complete error partial")},
}
"""Other elements whose binding is required, by type."""
SUBJECT_PARAMETERS: Final = ("subject", "patient", "beneficiary")
"""What a search by person may be called, whatever the element is."""
