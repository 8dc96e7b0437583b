"""Texts and instants as they may be sent to us: patterns, what they mean, their shapes."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from contracts import patients
from contracts.calendar import DATE_SCHEMA

# Each pattern is a look-ahead over the whole text: `$` would let a trailing newline pass in Python,
# `\Z` is unknown to the ECMA expressions of JSON Schema, and NUL cannot be stored by Postgres.
PRINTABLE: Final = r"^(?!\s)(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])"
VISIBLE: Final = r"^(?![\s\S]*[^!-~])"
CUSTOMER: Final = r"^(?!\s)(?![\s\S]*[/\x00-\x1f\x7f-\x9f])"
FACILITY: Final = r"^(?![\s\S]*[^A-Za-z0-9._-])"
LANGUAGE: Final = r"^[A-Za-z]{2}(?![\s\S]*[^A-Za-z0-9-])"

UNITS: Final = r"^[0-9]{1,16}(\.[0-9]{1,4})?$"

MEANINGS: Final = {
    PRINTABLE: "text on one line that does not begin with a space, without control characters",
    patients.PATTERN: patients.MEANING,
    VISIBLE: "visible ASCII characters without spaces",
    CUSTOMER: "the id of a customer: printable, without `/` and control characters",
    UNITS: "a decimal string, such as 10.50",
    FACILITY: "letters A-Z and a-z, digits and . _ - alone, such as north-1",
    LANGUAGE: "a BCP 47 language tag, such as en or en-US",
}
"""What the patterns mean to people."""

PLAIN_PATTERNS: Final = {
    PRINTABLE: r"^[^\s\x00-\x1f\x7f-\x9f\u2028\u2029][^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
    patients.PATTERN: patients.PLAIN,
    VISIBLE: r"^[!-~]+$",
    CUSTOMER: r"^[^\s/\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*$",
    FACILITY: r"^[A-Za-z0-9._-]+$",
    LANGUAGE: r"^[A-Za-z]{2}[A-Za-z0-9-]*$",
}
"""The same, of a text that is not empty, for readers to whom `$` is nothing but the text's end."""

Line = Annotated[str, Meta(min_length=1, max_length=512, pattern=PRINTABLE)]
Instant = Annotated[datetime, Meta(tz=True, extra_json_schema=DATE_SCHEMA)]
