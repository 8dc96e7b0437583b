"""A resource as JSON: read strictly, with decimals as they were written, and bounded in depth."""

import json
from decimal import Decimal
from typing import Any, Final

import msgspec

from services.fhir.problem import refused

DEPTH_MAX: Final = 64
# Far beyond the 18 digits that FHIR asks for; what is read as an integer is written out in full,
# and 1e10000000 would take that long.
_DIGITS_MAX: Final = 40
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def decode(body: bytes) -> Any:
    """Any JSON value; raises FhirProblem for what is none, too deep, or says a name twice."""
    try:
        found = _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise refused(400, "structure", f"the body is no JSON that can be read: {error}") from error
    _check_depth(found)
    return found


def encode(value: Any) -> bytes:
    """JSON in UTF-8; raises FhirProblem for a text that is no Unicode."""
    try:
        return _encode(value)
    except UnicodeEncodeError as error:
        raise refused(400, "value", "a text has half of a surrogate pair in it") from error


def check_numbers(value: Any) -> None:
    """Go on only with numbers that `decode` would read; raises FhirProblem."""
    try:
        _check_numbers(value)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise refused(400, "value", str(error)) from error


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_numbers(each)
    elif isinstance(value, Decimal):
        _decimal(str(value))
    elif isinstance(value, int) and abs(value) >= 10**_DIGITS_MAX:
        raise ValueError(f"a number of more than {_DIGITS_MAX} digits")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise refused(400, "too-costly", f"the body is nested deeper than {DEPTH_MAX} levels")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands more than once in an object")
    return found


def _integer(written: str) -> int:
    if len(written) > _DIGITS_MAX:
        raise ValueError(f"a number of more than {_DIGITS_MAX} digits")
    return int(written)


def _decimal(written: str) -> Decimal:
    digits, _, exponent = written.lower().partition("e")
    if len(digits) > _DIGITS_MAX or len(exponent) > _DIGITS_MAX:
        raise ValueError(f"a number of more than {_DIGITS_MAX} digits")
    if exponent and abs(int(exponent)) > _DIGITS_MAX:
        raise ValueError(f"a number with an exponent beyond {_DIGITS_MAX}")
    return Decimal(written)


def _no_number(written: str) -> None:
    raise ValueError(f"{written} is no JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=_decimal, parse_int=_integer, parse_constant=_no_number
)
