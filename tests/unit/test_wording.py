"""What is wrong with a text is said in words, never as a regular expression."""

from typing import Annotated, Any, get_args

import msgspec
import pytest
from msgspec import Meta

from contracts import inbound
from contracts.calendar import DATE_SCHEMA
from contracts.inbound import CAPTURE_CHARGE, InboundInvalid
from contracts.recipients import TELEPHONE_PATTERN
from contracts.wording import in_words, split_path
from services.api import accounts, charge_bodies, parameters, payment_bodies, price_lists

WRONG: Any = {
    "account_id": (" a", "text on one line"),
    "code": ("9 9", "visible ASCII"),
    "facility": ("nörd", "letters A-Z and a-z, digits and . _ -"),
}
SHAPES = (
    accounts.OpenAccountRequest,
    charge_bodies.CaptureChargeRequest,
    payment_bodies.PostPaymentRequest,
    price_lists.PublishPriceListRequest,
    *(message.shape for message in inbound.INBOUND),
)


def patterns_in(part: Any) -> set[str]:
    """Every pattern that a JSON Schema has, except those of amounts, which their struct checks."""
    if isinstance(part, dict):
        own = {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
        return own.union(*(patterns_in(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*map(patterns_in, part))
    return set()


def checked(pattern: str) -> bool:
    """Whether msgspec checks it, rather than a struct itself with a sentence of its own."""
    own = {"^[A-Z]{3}$", DATE_SCHEMA["pattern"], TELEPHONE_PATTERN}
    return not pattern.startswith("^-?") and pattern not in own


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_pattern_of_what_is_sent_to_us_has_a_meaning(shape: Any) -> None:
    found = set(filter(checked, patterns_in(msgspec.json.schema(shape))))
    assert found <= parameters.MEANINGS.keys()


def test_a_query_parameter_has_its_meaning_too() -> None:
    _, parameter = get_args(parameters.OfAccount)
    assert parameter.pattern in parameters.MEANINGS


@pytest.mark.parametrize("field", WRONG)
def test_a_message_of_the_bus_is_refused_in_words(field: str) -> None:
    text, words = WRONG[field]
    body = {
        "request_id": "r1",
        "account_id": "acc_1",
        "facility": "north",
        "code": "99213",
        "system": "cpt",
        "service_date": "2026-01-02",
        "currency": "USD",
        field: text,
    }
    with pytest.raises(InboundInvalid) as refused:
        inbound.decode(CAPTURE_CHARGE, msgspec.json.encode(body))
    assert words in str(refused.value)
    assert f"`$.{field}`" in str(refused.value)
    assert "regex" not in str(refused.value)


def test_a_pattern_without_a_meaning_is_not_shown() -> None:
    shape = Annotated[str, Meta(pattern="^'\"[a-z]+$")]
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(b'"A"', type=shape)
    message, path = split_path(str(refused.value))
    assert (in_words(message, {}), path) == ("Expected another form of text", "$")
    assert in_words(message, {"^'\"[a-z]+$": "small letters"}) == "Expected small letters"
