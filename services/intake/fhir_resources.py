"""The parts of FHIR R4 (https://hl7.org/fhir/R4/) that a claim is read from, as its JSON has them.

Amounts are decimals as the document writes them: msgspec never makes a float of a Decimal field.
"""

from decimal import Decimal

import msgspec
from msgspec import Raw


class Fhir(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A FHIR element; what it does not name is ignored."""


class Coding(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Coding"""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#CodeableConcept"""

    coding: tuple[Coding, ...] = ()
    text: str | None = None

    def has(self, code: str) -> bool:
        """Whether one of the codings is this code."""
        return any(coding.code == code for coding in self.coding)


class Amount(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Money"""

    value: Decimal
    currency: str


class Quantity(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#SimpleQuantity"""

    value: Decimal | None = None


class Period(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Period"""

    start: str | None = None
    end: str | None = None


class Identifier(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Identifier"""

    system: str | None = None
    value: str | None = None


class Reference(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/references.html"""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None

    @property
    def id(self) -> str | None:
        """The id of what is referred to, the same whether or not the bundle holds it.

        From `urn:uuid:ID`, `Type/ID`, `http://host/Type/ID/_history/1`, `Type?identifier=system|ID`
        and, without a literal reference, from the identifier.
        """
        if not self.reference:
            return self.identifier.value if self.identifier else None
        path, _, query = self.reference.partition("?")
        if query:
            return query.rpartition("|")[2].rpartition("=")[2] or None
        path = path.partition("/_history/")[0]
        if path.startswith("urn:"):
            return path.rpartition(":")[2] or None
        return path.rpartition("/")[2] or None


class Entry(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/bundle.html#bundle.entry"""

    full_url: str | None = None
    resource: Raw = Raw(b"null")  # msgspec cannot take `Raw | None`


class Bundle(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/bundle.html; entries stay raw, so that a bad one harms no other."""

    resource_type: str | None = None
    entry: tuple[Raw, ...] = ()


class Resource(Fhir, frozen=True, kw_only=True):
    """What any resource has."""

    resource_type: str
    id: str | None = None


class HumanName(Fhir, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#HumanName"""

    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: tuple[str, ...] = ()


class Communication(Fhir, frozen=True, kw_only=True):
    """A language that the patient speaks."""

    language: CodeableConcept
    preferred: bool = False


class Patient(Resource, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/patient.html"""

    name: tuple[HumanName, ...] = ()
    communication: tuple[Communication, ...] = ()


class Encounter(Resource, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/encounter.html"""

    period: Period | None = None
    service_provider: Reference | None = None


class Item(Fhir, frozen=True, kw_only=True):
    """A line of a claim."""

    sequence: int
    product_or_service: CodeableConcept | None = None
    modifier: tuple[CodeableConcept, ...] = ()
    serviced_date: str | None = None
    serviced_period: Period | None = None
    quantity: Quantity | None = None
    net: Amount | None = None
    encounter: tuple[Reference, ...] = ()


class Total(Fhir, frozen=True, kw_only=True):
    """A total of a claim by category: submitted, benefit, and others."""

    category: CodeableConcept
    amount: Amount


class Payment(Fhir, frozen=True, kw_only=True):
    """What the payer paid."""

    date: str | None = None
    amount: Amount | None = None


class ExplanationOfBenefit(Resource, frozen=True, kw_only=True):
    """https://hl7.org/fhir/R4/explanationofbenefit.html: a claim and what the payer made of it."""

    status: str | None = None
    use: str | None = None
    identifier: tuple[Identifier, ...] = ()
    patient: Reference | None = None
    created: str | None = None
    insurer: Reference | None = None
    provider: Reference | None = None
    facility: Reference | None = None
    claim: Reference | None = None
    disposition: str | None = None
    item: tuple[Item, ...] = ()
    total: tuple[Total, ...] = ()
    payment: Payment | None = None
