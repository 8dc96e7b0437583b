"""What a schema cannot say, so that a request within it may still be refused: each with why."""

import re
from typing import Any, Final

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

# Refused by what is in the books or the price lists, not by how the request looks.
_OF_THE_BOOKS: Final = frozenset({"CURRENCY_UNSUPPORTED", "PRICE_NOT_FOUND", "CODE_INVALID"})
# A line item is named by its body or by a header: no schema says either.
_OF_BODY_OR_HEADER: Final = frozenset({"IDEMPOTENCY_KEY_REQUIRED"})
# Where, and the words of the refusal.
_BEYOND_SCHEMAS: Final = tuple(
    (re.compile(path), re.compile(words))
    for path, words in (
        (
            r"query:after|header:Last-Event-ID",
            r"no such event|names no event|the events end at",
        ),  # nobody was given it
        (r"query:cursor", r"is no cursor"),  # no page answered it
        (r"header:If-Match", r"send the ETag"),  # the tool makes up ETags that the schema excludes
        (r"\$(\.prices\[\d+\])?", r"overlaps a price valid"),  # another one of the same list
        (r"\$\.patient_id", r"normal form C"),  # the same letters, composed
        (r"\$\.facility", r"keeps no account"),
        (r"\$\.amount", r"amount must be positive"),  # one shape of amounts serves prices of 0 too
        (r"\$\..*amount", r"has more digits than|is beyond"),  # as its currency has it
        (r"\$\.amount", r"is more than the .* outstanding on invoice"),  # as the books have it
        (r"\$\..*", r"Expected `int.*, got `float`"),  # 45.0 is an integer to JSON Schema alone
        (r"\$\.layout", r"no ERP layout is set|layouts are for csv"),
        (r"query:(from|to|as_of)", r"within the years"),  # the tool finds too few such days
        (r"query:(date_)?from|\$\.(booked_from|first_on)", r"is after"),  # ends before it begins
        (r"query:first", r"does not go on from"),  # ends before it begins
        (r"\$(\..*)?", r"is still to come"),  # statements of a day that has not ended
        # Zero is within a pattern of digits; a bill ends later than it is asked for.
        (r"\$", r"must be more than zero|line item would be more than"),
        (r"\$\.(start|end)_time", r"in the future|in the past"),
        (r"\$\.amount", r"a number of at most"),
        (r"\$", r"more than 8 digits behind the point, or is too large"),
        (r"\$\.IdempotencyKey", r"the header names another key"),  # either names the item
        (r"\$\.setup", r"the gateway does not take it"),  # what it gave nobody
        # Two fields that exclude each other: the tool reads no if/then.
        (r"\$", r"for `method` card alone|not both|the day is the one on which the gateway"),
    )
)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure is one: it is not where the API may refuse what its schemas allow."""
    if isinstance(failure, UnsupportedMethodResponse):
        # Whoever tries to change the books is told what to do instead of 405.
        return bool(response.status_code != 409 or _code(response) != "LEDGER_IMMUTABLE")
    if isinstance(failure, RejectedPositiveData):
        return not _is_beyond_schemas(response.json())
    if isinstance(failure, AcceptedNegativeData):
        # In a batch each item stands for itself: what is wrong with one is said of it alone.
        return not (isinstance(said := response.json(), dict) and said.get("refused"))
    return True


def _code(response: Any) -> str:
    return str(response.json().get("code"))


def _is_beyond_schemas(problem: dict[str, Any]) -> bool:
    if problem["code"] in _OF_THE_BOOKS | _OF_BODY_OR_HEADER:
        return True
    errors = problem.get("errors", [])
    return bool(errors) and all(
        any(
            path.fullmatch(error["path"]) and words.search(error["message"])
            for path, words in _BEYOND_SCHEMAS
        )
        for error in errors
    )
