"""What the store finds a resource by: whose it is, where it stands, how others call it."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from services.fhir.kinds import KINDS

ID: Final = re.compile(r"(?!\.+\Z)[A-Za-z0-9\-.]{1,64}", re.ASCII)
NAMED: Final = "urn:daybook:"
"""How the systems of our own identifiers begin: then come the tenant and the kind."""
PATIENTS: Final = ":patient"
"""How the system of the ledger's patient ids ends."""
_PLAIN: Final = re.compile(r"[!-~]{1,200}", re.ASCII)


class Facts(NamedTuple):
    """Of one version of a resource."""

    subject: str | None
    """The subject whose key seals it: a patient's id as the ledger knows it, else
    `<type>/<id>` or a hash of how the person is named."""
    status: str | None
    identifiers: tuple[tuple[str, str], ...]
    """System, which may be empty, and value."""


def facts_of(resource: Mapping[str, Any]) -> Facts:
    """The facts of a valid resource that has its id."""
    kind = KINDS[resource["resourceType"]]
    subject = None
    if kind.subject == "id":
        subject = str(resource["id"])
    elif kind.subject is not None:
        subject = _subject(resource.get(kind.subject))
    return Facts(subject, resource.get("status"), tuple(_identifiers(resource)))


def subject_named(reference: str) -> str:
    """The subject that a literal reference names: `Patient/p1`, its URL, or `p1` alone; within a
    bundle `urn:uuid:p1`, as the intake of bundles understands it."""
    reference = reference.removeprefix("urn:uuid:")
    parts = reference.split("/_history/")[0].rsplit("/", 2)[-2:]
    named = parts[-1] if len(parts) == 1 or parts[0] == "Patient" else "/".join(parts)
    return named if _PLAIN.fullmatch(named) else _hashed(named)


def _subject(found: Any) -> str | None:
    """Of an account several may be subjects: it goes with the first of them."""
    for reference in found if isinstance(found, list) else [found]:
        if isinstance(reference, dict):
            if written := reference.get("reference"):
                return subject_named(written)
            identifier = reference.get("identifier") or {}
            if value := identifier.get("value"):
                return _logical(identifier.get("system") or "", value)
    return None


def _logical(system: str, value: str) -> str:
    if system.startswith(NAMED) and system.endswith(PATIENTS):
        return value if value.isprintable() else _hashed(value)
    return _hashed(f"{system}|{value}")


def _hashed(named: str) -> str:
    return "named/" + hashlib.sha256(named.encode()).hexdigest()


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
