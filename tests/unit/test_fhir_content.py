"""What is read of a FHIR resource's JSON, and what nobody should send as a number."""

from decimal import Decimal

import pytest

from services.fhir.content import decode, encode
from services.fhir.problem import FhirProblem


@pytest.mark.parametrize(
    "number",
    ["1e3000000", "-1E+41", "1e-41", "1e9999999999", "0e" + "9" * 5000, "0." + "1" * 40, "9" * 41],
)
def test_a_number_that_would_take_long_to_write_out_is_refused(number: str) -> None:
    with pytest.raises(FhirProblem, match="a number"):
        decode(f'{{"multipleBirthInteger":{number}}}'.encode())


def test_decimals_keep_their_digits() -> None:
    for number in ("1.10", "-0.00", "1E+40", "12345678901234567890.123456789"):
        assert encode(decode(number.encode())) == number.encode()
    assert decode(b"1e3") == Decimal(1000)
