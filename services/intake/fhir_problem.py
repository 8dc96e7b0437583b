"""What is wrong with a FHIR document, for the one who has to mend it."""

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not read: in which document, where in it (RFC 6901), what, what to do."""

    source: str
    pointer: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.source}#{self.pointer}: {self.what}; {self.remedy}"


class FhirUnreadable(ValueError):
    """A document or resource that no message can be made from: what is wrong and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy

    def at(self, source: str, pointer: str) -> Problem:
        """The same with its place, to be reported."""
        return Problem(source=source, pointer=pointer, what=self.what, remedy=self.remedy)
