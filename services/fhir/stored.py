"""A resource as the store keeps it: sealed on its way in, opened on its way out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
from typeid import TypeID

from contracts.private import Private
from services.fhir.content import decode, encode
from services.fhir.problem import refused
from services.sealing import Keys, open_sealed, seal

_KEPT_APART: Final = ("versionId", "lastUpdated")


class Scope(NamedTuple):
    """Whose resources: a tenant's, or those of one organisation of it."""

    tenant: str
    organization_id: str = ""


class Stored(NamedTuple):
    """A version of a resource."""

    version: int
    updated_at: datetime
    resource: dict[str, Any]
    """With its id, and `meta` that says version and time."""
    text: str
    """As it was written, without those two."""
    organization_id: str
    log_position: int | None

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'


def as_written(resource: Mapping[str, Any], id_: str) -> str:
    """What is kept of a resource: all but what each version says of itself; raises FhirProblem."""
    given = resource.get("meta")
    meta = given.items() if isinstance(given, dict) else ()
    kept = {name: value for name, value in meta if name not in _KEPT_APART}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    own = {"resourceType": rest.pop("resourceType"), "id": id_}
    return encode(own | ({"meta": kept} if kept else {}) | rest).decode()


def sealed(keys: Keys, tenant: str, subject: str | None, text: str) -> str:
    """The text as it is stored."""
    return text if subject is None else seal(keys, tenant, subject, text).sealed


def opened(tenant: str, row: asyncpg.Record) -> Stored | None:
    """The resource of a row of find.sql or history.sql; None where it cannot be opened
    any more."""
    text: str | None = row["body"]
    subject: str | None = row["subject_id"]
    if subject is not None:
        keys = {} if row["key"] is None else {subject: row["key"]}
        text = open_sealed(keys, tenant, Private(subject=subject, sealed=row["body"]))
    if text is None:
        return None
    return stored(
        row["version"], row["updated_at"], text, row["organization_id"], row["log_position"]
    )


def stored(
    version: int, updated_at: datetime, text: str, organization_id: str, log_position: int | None
) -> Stored:
    """A version with what it says of itself."""
    resource: dict[str, Any] = decode(text.encode())
    said = {"versionId": str(version), "lastUpdated": _instant(updated_at)}
    own = {"resourceType": resource["resourceType"], "id": resource["id"]}
    whole = own | {"meta": resource.get("meta", {}) | said} | resource
    whole["meta"] = resource.get("meta", {}) | said
    return Stored(version, updated_at, whole, text, organization_id, log_position)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_match(if_match: str | None, current: Stored | None) -> None:
    """Go on only with the version that the caller names; raises FhirProblem."""
    if if_match is None or (if_match.strip() == "*" and current is not None):
        return
    known = f"the version is {current.version}" if current else "there is no such resource"
    asked = [each.strip().removeprefix("W/") for each in if_match.split(",")]
    if current is None or f'"{current.version}"' not in asked:
        raise refused(412, "conflict", f"If-Match {if_match[:100]}: {known}")


def fresh_id() -> str:
    """Ids of resources are in the order in which they were made."""
    return str(UUID(bytes=TypeID().uuid.bytes))
