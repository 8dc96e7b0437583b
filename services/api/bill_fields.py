"""What requests about bills have in common, field by field: customers, bills, reasons, numbers."""

import re
from typing import Annotated, Final

import msgspec
from litestar.params import PathParameter
from msgspec import Meta

from contracts.inbound import CUSTOMER, PLAIN_PATTERNS
from services.api.problems import invalid

CUSTOMER_LETTERS_MAX: Final = 1_024
_CUSTOMER: Final = rf"^(?!\s)[^/\x00-\x1f\x7f-\x9f]{{1,{CUSTOMER_LETTERS_MAX}}}$"

CustomerPath = Annotated[
    str,
    PathParameter(
        description="id of the customer: printable, without `/`, percent-encoded",
        # Said, not checked by the framework, which would answer 404.
        schema_extra={
            "pattern": PLAIN_PATTERNS[CUSTOMER],
            "minLength": 1,
            "maxLength": CUSTOMER_LETTERS_MAX,
            "examples": ["cust-1"],
        },
    ),
]
BillPath = Annotated[
    str, PathParameter(pattern="^bill_[0-7][0-9a-z]{25}$", description="id of the bill")
]
CustomerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CUSTOMER_LETTERS_MAX,
        pattern=CUSTOMER,
        description="id of the customer: printable, without `/`",
    ),
]
Reason = Annotated[str, Meta(max_length=255, description="kept sealed under the customer's key")]


def check_customer(customer_id: str) -> str:
    """A customer's id that can be one; raises Problem."""
    # What was no UTF-8 in the path: another name would be the same customer.
    if not re.fullmatch(_CUSTOMER, customer_id) or "\ufffd" in customer_id:
        raise invalid(
            "path:customerID", f"1 to {CUSTOMER_LETTERS_MAX} printable characters, none of them /"
        )
    return customer_id


def number_of(text: str) -> msgspec.Raw:
    """A decimal as the JSON number that it is, with all its digits."""
    return msgspec.Raw(text.encode())


Number = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
"""A JSON number that never was a float."""
