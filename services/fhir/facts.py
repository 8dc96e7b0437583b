"""What the store finds a resource by: whose it is, where it stands, how others call it."""

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from unicodedata import is_normalized

from contracts.patients import PATTERN
from services.fhir.kinds import KINDS

ID: Final = re.compile(r"(?!\.+\Z)[A-Za-z0-9\-.]{1,64}", re.ASCII)
NAMED: Final = "urn:daybook:"
"""How the systems of our own identifiers begin: then come the tenant and the kind."""
PATIENTS: Final = ":patient"
"""How the system of the ledger's patient ids ends."""
_LEDGERS: Final = re.compile(PATTERN)
_LETTERS_MAX: Final = 256
_NAMED_SO: Final = "named/"
"""Begins a subject whose name is for nobody to read: `subject_id` makes a hash of it."""


class Facts(NamedTuple):
    """Of one version of a resource."""

    subject: str | None
    """The subject whose key seals it, for `subject_id`: a patient's id as the ledger knows it, how
    else the person is named, or `<type>/<id>` where it says of nobody."""
    status: str | None
    identifiers: tuple[tuple[str, str], ...]
    """System, which may be empty, and value."""


def facts_of(tenant: str, resource: Mapping[str, Any]) -> Facts:
    """The facts of a valid resource that has its id."""
    kind = KINDS[resource["resourceType"]]
    own, subject = f"{kind.name}/{resource['id']}", None
    if kind.subject == "id":
        subject = _ledgers(tenant, resource.get("identifier")) or str(resource["id"])
    elif kind.subject is not None:
        # What says of nobody may yet name somebody in its text: nothing of it stays in the open.
        found = _subject(tenant, resource.get(kind.subject))
        subject = found or next(_people(tenant, resource), own)
    return Facts(subject, resource.get("status"), tuple(_identifiers(resource)))


def subject_id(key: bytes, subject: str) -> str:
    """A subject as the tables have it: how a person is named otherwise than by the ledger's id, a
    number of social security perhaps, only as a hash under a tenant's key."""
    named = subject.removeprefix(_NAMED_SO)
    return subject if named == subject else _NAMED_SO + token(key, f"p|{named}").hex()


def subject_asked(written: str) -> str:
    """The subject that a search names: the ledger's id alone, or as a reference does."""
    return written if _is_ledgers(written) and "/" not in written else subject_named(written)


def subject_named(reference: str) -> str:
    """The subject that a literal reference names: `Patient/p1`, or its URL; within a bundle
    `urn:uuid:p1`, as the intake of bundles understands it."""
    if ID.fullmatch(bundled := reference.removeprefix("urn:uuid:")) and bundled != reference:
        return bundled
    parts = reference.split("/_history/")[0].rsplit("/", 2)[-2:]
    is_patient = len(parts) == 2 and parts[0] == "Patient" and ID.fullmatch(parts[1])
    return parts[1] if is_patient else _NAMED_SO + reference


def _subject(tenant: str, found: Any) -> str | None:
    """Of an account several may be subjects: it goes with the first of them."""
    for reference in found if isinstance(found, list) else [found]:
        if isinstance(reference, dict):
            written = reference.get("reference") or "#"
            if not written.startswith("#"):  # what is contained has no name outside of this
                return subject_named(written)
            identifier = reference.get("identifier") or {}
            if value := identifier.get("value"):
                named = f"{identifier.get('system') or ''}|{value}"
                return _ledgers(tenant, [identifier]) or _NAMED_SO + named
    return None


def _people(tenant: str, value: Any) -> Iterator[str]:
    """Whom it refers to elsewhere: a recipient, a guarantor, a subscriber."""
    if isinstance(value, list):
        for each in value:
            yield from _people(tenant, each)
    elif isinstance(value, dict):
        identifier = value.get("identifier")
        named = value.get("reference")
        is_patient = isinstance(named, str) and "Patient/" in named and "#" not in named
        is_logical = value.get("type") == "Patient" and isinstance(identifier, dict)
        if (is_patient or is_logical) and (found := _subject(tenant, value)):
            yield found
        for each in value.values():
            yield from _people(tenant, each)


def _ledgers(tenant: str, identifiers: Any) -> str | None:
    """The ledger's own id of a patient, if it is among these."""
    for each in identifiers if isinstance(identifiers, list) else ():
        if isinstance(each, dict) and each.get("system") == f"{NAMED}{tenant}{PATIENTS}":
            value = each.get("value") or ""
            if value:
                return value if _is_ledgers(value) else _NAMED_SO + value
    return None


def _is_ledgers(value: str) -> bool:
    """Whether the ledger takes it for a patient's id; the keys of a tenant's own services are
    called what it would not."""
    is_short = 0 < len(value) <= _LETTERS_MAX and not value.startswith((_NAMED_SO, " "))
    return is_short and bool(_LEDGERS.search(value)) and is_normalized("NFC", value)


def _identifiers(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = resource.get("identifier")
    for each in found if isinstance(found, list) else [found]:  # an Invoice's is a list, too
        if isinstance(each, dict) and each.get("value"):
            yield each.get("system") or "", each["value"]


def tokens_of(key: bytes, identifiers: tuple[tuple[str, str], ...]) -> list[bytes]:
    """What a search may ask of these, hashed under a tenant's key: sorted, each once."""
    asked = {
        text
        for system, value in identifiers
        for text in (f"s|{system}|{value}", f"v|{value}", f"s|{system}|")
    }
    return sorted(token(key, text) for text in asked)


def token_asked(key: bytes, system: str | None, value: str) -> bytes:
    """The token that a search for an identifier looks up; None is any system."""
    return token(key, f"v|{value}" if system is None else f"s|{system}|{value}")


def token(key: bytes, text: str) -> bytes:
    """HMAC-SHA256, cut to 16 bytes."""
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")[:16]
