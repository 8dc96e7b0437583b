"""Who, where and when of a claim: single facts of its resources, or a refusal that names them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from contracts.calendar import check_day
from contracts.inbound import Patient as InboundPatient
from contracts.patients import check_patient_id
from services.intake.fhir_problem import FhirUnreadable
from services.intake.fhir_resources import (
    Encounter,
    ExplanationOfBenefit,
    HumanName,
    Patient,
    Period,
    Reference,
    Resource,
)

Records = Mapping[str, Resource]
"""The resources of a bundle by what references call them."""

D = TypeVar("D", bound=date)

_TEXT_MAX: Final = 512
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2}[A-Za-z0-9-]{0,33}")
_decode_instant: Final[Callable[[str], datetime]] = msgspec.json.Decoder(
    Annotated[datetime, Meta(tz=True)]
).decode


def identified(reference: Reference | None, what: str) -> str:
    """The id that a reference gives; raises FhirUnreadable if there is none."""
    found = reference.id if reference else None
    if not found:
        raise FhirUnreadable(f"no {what}", f"refer to it in `{what}`")
    return found


def patient(reference: Reference | None, person: Resource | None) -> InboundPatient:
    """Who was treated; the name as far as the bundle has the person."""
    names = person.name if isinstance(person, Patient) else ()
    used = [name for name in names if name.use not in ("maiden", "old")]
    official = [name for name in used if name.use == "official"]
    chosen = next(iter(official or used), None)
    patient_id = identified(reference, "patient")
    try:
        check_patient_id(patient_id)
    except ValueError as wrong:
        raise FhirUnreadable(str(wrong), "refer to the patient so") from wrong
    return InboundPatient(
        patient_id=patient_id,
        name=_written(chosen) if chosen else None,
    )


def _written(name: HumanName) -> str | None:
    return one_line(name.text or " ".join((*name.given, name.family or "")))


def language(person: Resource | None) -> str | None:
    """The language the person prefers, or speaks first; None if it is not known."""
    spoken = person.communication if isinstance(person, Patient) else ()
    for one in sorted(spoken, key=lambda one: not one.preferred):
        for coding in one.language.coding:
            if coding.code and _LANGUAGE.fullmatch(coding.code):
                return coding.code
    return None


def facility(claim: ExplanationOfBenefit, encounter: Encounter | None, records: Records) -> str:
    """Where it was done: the encounter's service provider, else what the claim says."""
    provider = claim.provider if _is_organization(claim.provider, records) else None
    places = (encounter and encounter.service_provider, claim.facility, provider)
    return identified(
        next((place for place in places if place and place.id), None),
        "serviceProvider of the encounter",
    )


def _is_organization(reference: Reference | None, records: Records) -> bool:
    written = (reference and reference.reference) or ""
    found = records.get(written)
    if found is not None:
        return found.resource_type == "Organization"
    return written.startswith(("Organization/", "Organization?"))


def payer(claim: ExplanationOfBenefit) -> str | None:
    """Who insures the patient, by the name that is shown, else by id."""
    if claim.insurer is None:
        return None
    return one_line(claim.insurer.display) or claim.insurer.id


def instant(period: Period | None, created: str | None) -> datetime:
    """When the encounter ended; a date without time is its midnight in UTC."""
    written = (period and (period.end or period.start)) or created
    if written is None:
        raise FhirUnreadable("no time when the encounter ended", "give `period.end`")
    try:
        if "T" in written:
            found = _decode_instant(f'"{written}"')
        else:
            found = datetime.combine(date.fromisoformat(written), datetime.min.time(), UTC)
    except (msgspec.MsgspecError, ValueError) as error:
        raise FhirUnreadable(f"{written!r} is no instant", "give it with an offset") from error
    return _known(found, "the end of the encounter")


def local_date(written: str | None, what: str) -> date:
    """The day as it is written, in its own offset: what the calendar at the place said."""
    try:
        found = date.fromisoformat((written or "")[:10])
    except ValueError as error:
        raise FhirUnreadable(f"{what}: {written!r} is no day", "give it to the day") from error
    return _known(found, what)


def _known(day: D, what: str) -> D:
    try:
        check_day(what, day)
    except ValueError as error:
        raise FhirUnreadable(str(error), "correct the date") from error
    return day


def one_line(text: str | None) -> str | None:
    """Text without line breaks and doubled spaces, as long as a message may carry; or None."""
    return " ".join((text or "").split())[:_TEXT_MAX] or None
