"""The codes of every problem that the API answers, with their status: the error table."""

from typing import Final, NamedTuple


class Code(NamedTuple):
    """What a code answers: its status and the title that is the same for all its problems."""

    status: int
    title: str
    retry_after_seconds: int | None = None


CODES: Final = {
    "VALIDATION_FAILED": Code(400, "The request is not valid"),
    "CODE_INVALID": Code(400, "The code is not in its code system"),
    "CODE_UNVERIFIED": Code(400, "The code could not be verified"),
    "PRICE_NOT_FOUND": Code(400, "No price is published"),
    "CURRENCY_UNSUPPORTED": Code(400, "The currency is not supported here"),
    "IDEMPOTENCY_KEY_REQUIRED": Code(400, "An Idempotency-Key is required"),
    "UNAUTHENTICATED": Code(401, "The caller is not known"),
    "ACCESS_DENIED": Code(403, "The caller may not do this"),
    "MODULE_NOT_ACTIVE": Code(403, "The module is not licensed"),
    "NOT_FOUND": Code(404, "There is no such thing"),
    "METHOD_NOT_ALLOWED": Code(405, "The method is not allowed here"),
    "NOT_ACCEPTABLE": Code(406, "No acceptable representation"),
    "ACCOUNT_VERSION_CONFLICT": Code(409, "The account has changed"),
    "LEDGER_IMMUTABLE": Code(409, "The ledger is never changed"),
    "STATE_CONFLICT": Code(409, "The state does not allow it"),
    "ALREADY_EXISTS": Code(409, "It exists already"),
    "IDEMPOTENCY_KEY_REUSED": Code(409, "The Idempotency-Key was used for another request"),
    "IDEMPOTENCY_IN_FLIGHT": Code(409, "The same request is being worked on", 1),
    "LOCK_TIMEOUT": Code(409, "The operation timed out", 1),
    "AMOUNT_EXCEEDS_REFUNDABLE": Code(409, "The amount exceeds what can be refunded"),
    "FOUR_EYES": Code(409, "Another person has to approve"),
    "BODY_TOO_LARGE": Code(413, "The body is too large"),
    "MEDIA_TYPE_UNSUPPORTED": Code(415, "The media type is not supported"),
    "NOT_YET": Code(425, "The read model is not there yet", 1),
    "TOO_MANY_REQUESTS": Code(429, "Too many requests", 1),
    "INTERNAL": Code(500, "Our fault"),
    "UNAVAILABLE": Code(503, "The service is not available", 2),
}

# What the framework refuses by itself, before any handler of ours.
BY_STATUS: Final = {
    400: "VALIDATION_FAILED",
    401: "UNAUTHENTICATED",
    403: "ACCESS_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    413: "BODY_TOO_LARGE",
    415: "MEDIA_TYPE_UNSUPPORTED",
    429: "TOO_MANY_REQUESTS",
    503: "UNAVAILABLE",
}
