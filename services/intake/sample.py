"""A day at four clinics, for `daybook demo`: the same messages for the same arguments, always.

Nothing in it was taken from anywhere: prices, codes, people and payers are invented.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Final, TypeVar

import msgspec

from contracts.cloudevent import CloudEvent
from contracts.inbound import (
    ENCOUNTER_CLOSED,
    REMITTANCE_RECEIVED,
    Coverage,
    EncounterClosed,
    InboundMoney,
    Patient,
    RemittanceAdjustment,
    RemittanceClaim,
    RemittanceReceived,
    Service,
)
from contracts.money import format_minor, parse_minor
from contracts.price_list import ANY_FACILITY
from services.intake.sample_tables import (
    CODE_SYSTEM,
    FACILITIES,
    FEE_STATED,
    FEES,
    FEES_ANYWHERE,
    FEES_LAST_YEAR,
    NAMES,
    Facility,
    Fee,
    price_list,
)

__all__ = ["DAY", "NO_CLOUD_EVENT", "UNKNOWN_CODE", "clinic_day", "price_list"]

DAY: Final = date(2026, 3, 2)
UNKNOWN_CODE: Final = "ROBOT-SURGERY"
# What a clinic sends that forgot the envelope: an HL7 version 2 message.
NO_CLOUD_EVENT: Final = b"MSH|^~\\&|REG|HARBOR|BILLING|DAYBOOK|20260302173000||DFT^P03|7|P|2.5\r"
CLAIMS_PER_REMITTANCE: Final = 40
_LATE_ENTRY_ON: Final = date(2025, 12, 30)
_VISITS: Final = FEES[:2]
_EXTRAS: Final = FEES[2:] + FEES_ANYWHERE

T = TypeVar("T")
_KEY: Final = attrgetter("facility", "code", "currency")
_PRICES: Final = {
    key: tuple(prices) for key, prices in groupby(sorted(price_list(), key=_KEY), key=_KEY)
}
_encode: Final = msgspec.json.Encoder().encode


def clinic_day(patients: int = 400, seed: int = 1) -> Iterator[CloudEvent]:
    """The day's encounters in the order they close, then what the payers paid for them.

    Among them one encounter with a code that has no price and one malformed message; send
    NO_CLOUD_EVENT beside them. Different seeds are different clinics' days: no id occurs in both.
    """
    settled: dict[tuple[Facility, str], list[RemittanceClaim]] = defaultdict(list)
    for number in range(1, patients + 1):
        chance = Random(f"{seed}/{number}")
        place = _one_of(chance, FACILITIES)
        closed = _encounter(chance, place, f"{seed}-{number:05d}", number / (patients + 1))
        yield _from_clinic(place, closed)
        if closed.coverage:
            settled[place, closed.coverage.payer].append(_settlement(chance, closed))
    yield _unpriced(seed)
    yield _malformed(seed)
    for (place, payer), claims in settled.items():
        yield from _remittances(place, payer, claims, seed)


def _encounter(chance: Random, place: Facility, number: str, part_of_day: float) -> EncounterClosed:
    language = _one_of(chance, place.languages)
    given, family = NAMES[language]
    insured = chance.random() < 0.6
    return EncounterClosed(
        encounter_id=f"E{number}",
        claim_id=f"C{number}",
        patient=Patient(
            patient_id=f"P{number}", name=f"{_one_of(chance, given)} {_one_of(chance, family)}"
        ),
        facility=place.facility,
        currency=place.currency,
        language=language,
        closed_at=_at(place, part_of_day),
        services=tuple(_services(chance, place)),
        coverage=Coverage(payer=_one_of(chance, place.payers)) if insured else None,
    )


def _services(chance: Random, place: Facility) -> Iterator[Service]:
    """One visit and up to four other services, each at most once."""
    if chance.random() < 0.04:
        late = FEES_LAST_YEAR[0]
        yield _service(late, modifiers=("LATE-ENTRY",), service_date=_LATE_ENTRY_ON)
    else:
        yield _service(_one_of(chance, _VISITS))
    extras = sorted(_EXTRAS, key=lambda _: chance.random())[: int(chance.random() * 4)]
    for fee in extras:
        quantity = 1 + int(chance.random() * 4) if fee.countable else 1
        yield _service(fee, quantity=quantity)
    if chance.random() < 0.05:
        price = InboundMoney(amount=FEE_STATED.amount(place.currency), currency=place.currency)
        yield _service(FEE_STATED, unit_price=price)


def _service(
    fee: Fee,
    *,
    quantity: int = 1,
    modifiers: tuple[str, ...] = (),
    service_date: date = DAY,
    unit_price: InboundMoney | None = None,
) -> Service:
    return Service(
        code=fee.code,
        system=CODE_SYSTEM,
        modifiers=modifiers,
        quantity=quantity,
        service_date=service_date,
        description=fee.description,
        unit_price=unit_price,
    )


def _settlement(chance: Random, closed: EncounterClosed) -> RemittanceClaim:
    """What the payer makes of a claim: denied, or reduced as agreed and paid in part or whole."""
    billed_minor = sum(_price_minor(closed, service) for service in closed.services)
    if chance.random() < 0.08:
        return _claim(closed, 0, 0, denial_reason="not covered by the plan")
    contractual_minor = billed_minor * int(chance.random() * 26) // 100
    payable_minor = billed_minor - contractual_minor
    share = _one_of(chance, (70, 80, 100))  # the rest is the patient's
    return _claim(closed, payable_minor * share // 100, contractual_minor)


def _claim(
    closed: EncounterClosed,
    paid_minor: int,
    contractual_minor: int,
    denial_reason: str | None = None,
) -> RemittanceClaim:
    contractual = RemittanceAdjustment(
        reason="CONTRACTUAL", amount=_money(contractual_minor, closed.currency)
    )
    return RemittanceClaim(
        claim_id=closed.claim_id,
        encounter_id=closed.encounter_id,
        paid=_money(paid_minor, closed.currency),
        adjustments=(contractual,) if contractual_minor else (),
        denied=denial_reason is not None,
        denial_reason=denial_reason,
    )


def _price_minor(closed: EncounterClosed, service: Service) -> int:
    if service.unit_price is not None:
        return service.unit_price.minor * service.quantity
    for facility in (closed.facility, ANY_FACILITY):
        for price in _PRICES.get((facility, service.code, closed.currency), ()):
            if price.valid_from <= service.service_date <= (price.valid_to or date.max):
                return parse_minor(price.amount, price.currency) * service.quantity
    raise LookupError(f"the sample has no price for {service.code} at {closed.facility}")


def _remittances(
    place: Facility, payer: str, claims: Sequence[RemittanceClaim], seed: int
) -> Iterator[CloudEvent]:
    for start in range(0, len(claims), CLAIMS_PER_REMITTANCE):
        part = tuple(claims[start : start + CLAIMS_PER_REMITTANCE])
        sender = payer.lower().replace(" ", "-")
        source = f"/sample/payers/{sender}"
        number = f"R{seed}-{place.facility}-{sender}-{start // CLAIMS_PER_REMITTANCE + 1}"
        received = RemittanceReceived(
            remittance_id=number,
            payer=payer,
            received_on=DAY,
            total=_money(sum(claim.paid.minor for claim in part), place.currency),
            claims=part,
        )
        yield _event(source, number, REMITTANCE_RECEIVED, received, _at(place, 1.0))


def _unpriced(seed: int) -> CloudEvent:
    """An encounter of which one service can be charged and the other waits for its price."""
    place = FACILITIES[0]
    robot = Fee(UNKNOWN_CODE, "Operation by a robot nobody has a price for", "", "", "")
    closed = EncounterClosed(
        encounter_id=f"E{seed}-unpriced",
        claim_id=f"C{seed}-unpriced",
        patient=Patient(patient_id=f"P{seed}-unpriced", name="Perpetua Waiting"),
        facility=place.facility,
        currency=place.currency,
        language="en",
        closed_at=_at(place, 1.0),
        services=(_service(_VISITS[0]), _service(robot)),
    )
    return _from_clinic(place, closed)


def _malformed(seed: int) -> CloudEvent:
    """A CloudEvent whose data has two mistakes: a quantity in words, and no patient."""
    place = FACILITIES[1]
    number = f"E{seed}-malformed"
    service = {"code": "ECG", "system": CODE_SYSTEM, "service_date": DAY, "quantity": "two"}
    data = {"encounter_id": number, "facility": place.facility, "services": [service]}
    return _event(f"/sample/{place.facility}", number, ENCOUNTER_CLOSED, data, _at(place, 1.0))


def _from_clinic(place: Facility, closed: EncounterClosed) -> CloudEvent:
    return _event(
        f"/sample/{place.facility}", closed.encounter_id, ENCOUNTER_CLOSED, closed, closed.closed_at
    )


def _event(source: str, event_id: str, wire_type: str, data: object, at: datetime) -> CloudEvent:
    return CloudEvent(
        id=event_id,
        source=source,
        type=wire_type,
        time=at,
        datacontenttype="application/json",
        data=_encode(data),
    )


def _at(place: Facility, part_of_day: float) -> datetime:
    """From eight in the morning to half past five, on the clinic's clock."""
    opens = datetime.combine(DAY, time(8), place.offset)
    return opens + timedelta(minutes=int(part_of_day * 570))


def _money(minor: int, currency: str) -> InboundMoney:
    return InboundMoney(amount=format_minor(minor, currency), currency=currency)


def _one_of(chance: Random, options: Sequence[T]) -> T:
    # Of all of `random` only random() is promised to stay the same between versions of Python.
    return options[int(chance.random() * len(options))]
