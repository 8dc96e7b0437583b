"""The media types of the API, and how a route says which of them it answers."""

from typing import Final

JSON: Final = "application/json"
PDF: Final = "application/pdf"
FHIR_JSON: Final = "application/fhir+json"
JSON_PATCH: Final = "application/json-patch+json"
PRODUCES: Final = "produces"
"""Key of a route's `opt`: the media types that it answers where that is not JSON alone, each with
an example; None stands for one that is documented already."""
