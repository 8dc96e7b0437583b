"""The messages others send us: tolerant of what is new, exact about what is wrong."""

import json
from datetime import UTC, date, datetime
from typing import Any

import jsonschema
import msgspec
import pytest

from contracts import inbound
from contracts.inbound import (
    ALLOCATE_CREDIT,
    APPLY_ADJUSTMENT,
    CAPTURE_CHARGE,
    ENCOUNTER_CLOSED,
    INBOUND,
    OPEN_ACCOUNT,
    POST_PAYMENT,
    REMITTANCE_RECEIVED,
    USAGE_FEE_INCURRED,
    CaptureChargeMessage,
    EncounterClosed,
    InboundInvalid,
    InboundMoney,
    InboundTypeUnknown,
    RemittanceReceived,
)
from contracts.money import Money

USD = {"amount": "125.5", "currency": "USD"}
SERVICE = {"code": "99213", "system": "urn:codes", "service_date": "2026-03-02"}
ENCOUNTER = {
    "encounter_id": "enc-1",
    "patient": {"patient_id": "pat-1"},
    "facility": "north",
    "currency": "USD",
    "closed_at": "2026-03-02T09:00:00+04:00",
    "services": [SERVICE],
}
REMITTANCE = {
    "remittance_id": "era-1",
    "payer": "Blue",
    "total": USD,
    "claims": [{"claim_id": "clm-1", "paid": USD}],
}
CHARGE = {**SERVICE, "account_id": "acc_1", "facility": "north", "currency": "USD"}
ACCOUNT = {"patient_id": "pat-1", "facility": "north", "currency": "USD"}
PAYMENT = {"account_id": "acc_1", "amount": USD, "method": "bank"}
ADJUSTMENT = {
    "account_id": "acc_1",
    "amount": USD,
    "reason": "CONTRACTUAL",
    "direction": "credit",
}
MINIMAL: dict[str, dict[str, Any]] = {
    OPEN_ACCOUNT: ACCOUNT,
    CAPTURE_CHARGE: CHARGE,
    POST_PAYMENT: PAYMENT,
    ALLOCATE_CREDIT: {"account_id": "acc_1"},
    APPLY_ADJUSTMENT: ADJUSTMENT,
    ENCOUNTER_CLOSED: ENCOUNTER,
    REMITTANCE_RECEIVED: REMITTANCE,
    USAGE_FEE_INCURRED: {
        "customer": "cust-1",
        "currency": "USD",
        "amount": "1.25",
        "description": "api calls",
        "incurred_at": "2026-03-02T12:00:00Z",
    },
}


def read(wire_type: str, message: dict[str, Any]) -> Any:
    return inbound.decode(wire_type, json.dumps(message).encode())


def test_every_type_is_read_from_its_required_fields_alone() -> None:
    for wire_type, message in MINIMAL.items():
        assert type(read(wire_type, message)) in {entry.shape for entry in INBOUND}


def test_defaults_are_what_the_spec_says() -> None:
    charge = read(CAPTURE_CHARGE, CHARGE)
    assert isinstance(charge, CaptureChargeMessage)
    assert (charge.quantity, charge.modifiers, charge.unit_price) == (1, (), None)
    encounter = read(ENCOUNTER_CLOSED, ENCOUNTER)
    assert isinstance(encounter, EncounterClosed)
    assert encounter.closed_at == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert encounter.services[0].service_date == date(2026, 3, 2)
    remittance = read(REMITTANCE_RECEIVED, REMITTANCE)
    assert isinstance(remittance, RemittanceReceived)
    assert (remittance.claims[0].denied, remittance.claims[0].adjustments) == (False, ())


def test_addresses_are_read_as_they_are_sent_to() -> None:
    account = read(OPEN_ACCOUNT, {**ACCOUNT, "email": "a@exämple.org", "phone": "+995 (555) 12-34"})
    assert (account.email, account.phone) == ("a@xn--exmple-cua.org", "+9955551234")


def test_unknown_fields_are_ignored_at_every_level() -> None:
    service = {**SERVICE, "colour": "red"}
    assert read(ENCOUNTER_CLOSED, {**ENCOUNTER, "services": [service], "new": {}}) == read(
        ENCOUNTER_CLOSED, ENCOUNTER
    )


def test_null_means_absent() -> None:
    assert read(CAPTURE_CHARGE, {**CHARGE, "unit_price": None, "reference": None}) == read(
        CAPTURE_CHARGE, CHARGE
    )


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("125", "USD", 12500), ("0.5", "GEL", 50), ("7", "JPY", 7), ("1.5", "BHD", 1500)],
)
def test_an_amount_becomes_canonical_while_it_is_read(
    amount: str, currency: str, minor: int
) -> None:
    money = InboundMoney(amount=amount, currency=currency)
    assert money.minor == minor
    assert money.money == Money.of(minor, currency)
    assert money == InboundMoney(amount=Money.of(minor, currency).amount, currency=currency)


@pytest.mark.parametrize(
    ("wire_type", "change", "path"),
    [
        (OPEN_ACCOUNT, {"patient_id": ""}, "$.patient_id"),
        (OPEN_ACCOUNT, {"currency": "XXX"}, "XXX"),
        (OPEN_ACCOUNT, {"facility": "*"}, "$.facility"),
        (OPEN_ACCOUNT, {"email": "ana at example.org"}, "no e-mail address"),
        (OPEN_ACCOUNT, {"phone": "555 12 34"}, "no telephone number"),
        (OPEN_ACCOUNT, {"delivery": "fax"}, "$.delivery"),
        (CAPTURE_CHARGE, {"code": ""}, "$.code"),
        (POST_PAYMENT, {"method": "card"}, "$.method"),
        (POST_PAYMENT, {"allocations": [{"invoice_id": "inv_1"}]}, "$.allocations[0]"),
        (POST_PAYMENT, {"received_on": "0001-01-01"}, "within the years"),
        (ALLOCATE_CREDIT, {"amount": {"amount": 1, "currency": "USD"}}, "$.amount.amount"),
        (APPLY_ADJUSTMENT, {"reason": "INVOICE_VOID"}, "$.reason"),
        (APPLY_ADJUSTMENT, {"direction": "up"}, "$.direction"),
        (CAPTURE_CHARGE, {"code": "9" * 65}, "$.code"),
        (CAPTURE_CHARGE, {"code": "99 213"}, "$.code"),
        (CAPTURE_CHARGE, {"code": "99213\n"}, "$.code"),
        (CAPTURE_CHARGE, {"facility": "north/east"}, "$.facility"),
        (CAPTURE_CHARGE, {"facility": "north\n"}, "$.facility"),
        (CAPTURE_CHARGE, {"facility": "*"}, "$.facility"),
        (CAPTURE_CHARGE, {"account_id": "a\u0000b"}, "$.account_id"),
        (CAPTURE_CHARGE, {"account_id": "a\n"}, "$.account_id"),
        (CAPTURE_CHARGE, {"account_id": " a"}, "$.account_id"),
        (CAPTURE_CHARGE, {"account_id": "a" * 257}, "$.account_id"),
        (CAPTURE_CHARGE, {"quantity": 0}, "$.quantity"),
        (CAPTURE_CHARGE, {"quantity": 1_000_001}, "$.quantity"),
        (CAPTURE_CHARGE, {"quantity": 1.5}, "$.quantity"),
        (CAPTURE_CHARGE, {"service_date": "2026-02-30"}, "$.service_date"),
        (CAPTURE_CHARGE, {"modifiers": ["25", ""]}, "$.modifiers[1]"),
        (CAPTURE_CHARGE, {"unit_price": {"amount": 125.5, "currency": "USD"}}, "unit_price.amount"),
        (CAPTURE_CHARGE, {"unit_price": {"amount": "1.255", "currency": "USD"}}, "$.unit_price"),
        (CAPTURE_CHARGE, {"unit_price": {"amount": "1e3", "currency": "USD"}}, "$.unit_price"),
        (CAPTURE_CHARGE, {"unit_price": {"amount": "1", "currency": "usd"}}, "$.unit_price"),
        (ENCOUNTER_CLOSED, {"closed_at": "2026-03-02T09:00:00"}, "$.closed_at"),
        (ENCOUNTER_CLOSED, {"currency": "XYZ"}, "XYZ"),
        (ENCOUNTER_CLOSED, {"language": "en_US"}, "$.language"),
        (ENCOUNTER_CLOSED, {"patient": {}}, "$.patient"),
        (ENCOUNTER_CLOSED, {"services": [SERVICE] * 1_001}, "$.services"),
        (
            ENCOUNTER_CLOSED,
            {"services": [SERVICE, {**SERVICE, "unit_price": {"amount": "1", "currency": "GEL"}}]},
            "USD",
        ),
        (REMITTANCE_RECEIVED, {"claims": []}, "$.claims"),
        (REMITTANCE_RECEIVED, {"claims": [{"paid": USD}]}, "$.claims[0]"),
        (REMITTANCE_RECEIVED, {"claims": [{"claim_id": "1"}]}, "$.claims[0]"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    wire_type: str, change: dict[str, Any], path: str
) -> None:
    with pytest.raises(InboundInvalid) as refusal:
        read(wire_type, {**MINIMAL[wire_type], **change})
    assert path in str(refusal.value)
    assert wire_type in str(refusal.value)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{", b'{"account_id":"\xff"}', b'{"x":' * 100_000, b"\xff\xfe"]
)
def test_data_that_is_no_message_is_one_error_whatever_it_is(data: bytes) -> None:
    for wire_type in MINIMAL:
        with pytest.raises(InboundInvalid):
            inbound.decode(wire_type, data)


def test_a_type_we_do_not_take_names_those_we_take() -> None:
    with pytest.raises(InboundTypeUnknown, match=CAPTURE_CHARGE):
        inbound.decode("clinical.encounter.opened.v1", b"{}")


@pytest.mark.parametrize("patient_id", ["p1 ", "p1\u00a0", " p1", "Re\u0301my", "\u212b"])
@pytest.mark.parametrize("wire_type", [OPEN_ACCOUNT, ENCOUNTER_CLOSED])
def test_an_id_of_a_patient_has_one_way_of_writing(wire_type: str, patient_id: str) -> None:
    """Two of them would be two accounts of one person."""
    named = {"patient_id": patient_id}
    fields = named if wire_type == OPEN_ACCOUNT else {"patient": named}
    with pytest.raises(InboundInvalid, match=r"neither begins nor ends|normal form C"):
        read(wire_type, MINIMAL[wire_type] | fields)


def test_text_in_any_script_is_welcome() -> None:
    patient = {"patient_id": "მოქალაქე-7", "name": "نرگس احمدی"}
    assert read(ENCOUNTER_CLOSED, {**ENCOUNTER, "patient": patient}).patient.name == "نرگس احمدی"


def test_the_json_schema_accepts_and_refuses_the_same_messages() -> None:
    for entry in INBOUND:
        message = MINIMAL[entry.wire_type]
        schema = msgspec.json.schema(entry.shape)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        assert validator.is_valid(message)
        for field in message.keys() & {"account_id", "code", "encounter_id", "facility", "payer"}:
            assert not validator.is_valid({**message, field: "a\n"})


@pytest.mark.parametrize("year", ["0001", "1899", "2200", "9999"])
@pytest.mark.parametrize(
    ("wire_type", "message", "path"),
    [
        (CAPTURE_CHARGE, {**CHARGE, "service_date": "{}-12-31"}, "service_date"),
        (ENCOUNTER_CLOSED, {**ENCOUNTER, "closed_at": "{}-01-01T00:00:00+14:00"}, "closed_at"),
        (ENCOUNTER_CLOSED, {**ENCOUNTER, "closed_at": "{}-12-31T23:59:59-14:00"}, "closed_at"),
        (
            ENCOUNTER_CLOSED,
            {**ENCOUNTER, "services": [SERVICE, {**SERVICE, "service_date": "{}-06-30"}]},
            "$.services[1]",
        ),
        (REMITTANCE_RECEIVED, {**REMITTANCE, "received_on": "{}-01-01"}, "received_on"),
    ],
)
def test_dates_that_billing_does_not_know_are_refused_and_named(
    year: str, wire_type: str, message: dict[str, Any], path: str
) -> None:
    written = json.dumps(message).replace("{}-", f"{year}-").encode()
    with pytest.raises(InboundInvalid, match="within the years 1900 to 2199") as refused:
        inbound.decode(wire_type, written)
    assert path in str(refused.value)
    schema = msgspec.json.schema(next(one.shape for one in INBOUND if one.wire_type == wire_type))
    with pytest.raises(jsonschema.ValidationError, match="does not match"):
        jsonschema.validate(json.loads(written), schema)


@pytest.mark.parametrize("instant", ["1900-01-01T00:00:00+14:00", "2199-12-31T23:59:59-14:00"])
def test_the_first_and_the_last_instant_are_taken(instant: str) -> None:
    message = {**ENCOUNTER, "closed_at": instant}
    closed_at = read(ENCOUNTER_CLOSED, message).closed_at
    assert closed_at.astimezone(UTC) == datetime.fromisoformat(instant)
    jsonschema.validate(message, msgspec.json.schema(EncounterClosed))
