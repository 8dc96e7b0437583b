"""The id of a patient or customer: it names one account a currency, so it has one way of writing.

What people read as one id must not be two: neither with a space at its end nor in two forms of
Unicode.
"""

import unicodedata
from typing import Annotated, Final

from msgspec import Meta

PATTERN: Final = r"^(?!\s)(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])(?![\s\S]*\s$)"
MEANING: Final = (
    "text on one line that neither begins nor ends with a space, without control characters"
)
PLAIN: Final = (
    r"^[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]"
    r"([^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\s\x00-\x1f\x7f-\x9f\u2028\u2029])?$"
)

PatientId = Annotated[
    str,
    Meta(
        description="id of the patient or customer, as you know them, in Unicode's normal form C",
        min_length=1,
        max_length=256,
        pattern=PATTERN,
    ),
]


def check_patient_id(patient_id: str) -> None:
    """Raise ValueError for an id that is not in Unicode's normal form C.

    Asked of what is sent to us, never of what is stored: that stays readable, whatever it says.
    """
    if not unicodedata.is_normalized("NFC", patient_id):
        raise ValueError("Expected `patient_id` in Unicode's normal form C")
