"""Whether a resource is one: by its R4 structure, its statuses, and rules of ours for our own type.

R4B is used for R4: of the types here nothing differs between the two but texts.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from services.fhir.content import check_numbers, encode
from services.fhir.facts import ID
from services.fhir.kinds import CODES, KINDS, Kind
from services.fhir.problem import ISSUES_MAX, FhirProblem, Issue, refused

_KINDS_OF_ERROR: Final = {
    "missing": "required",
    "extra_forbidden": "structure",
    "value_error": "invalid",
}
_LOADED: Final = {kind.name for kind in KINDS.values() if not kind.is_standard}
"""The types whose models are in memory."""
_IN_THREAD_BYTES: Final = 16 * 1024
_TYPES_SHOWN: Final = ", ".join(KINDS)
Instant = Annotated[
    str, Meta(pattern=r"^\d{4}(-\d\d(-\d\d(T[0-9:.]{8,18}(Z|[+-]\d\d:\d\d))?)?)?\Z")
]
Text = Annotated[str, Meta(min_length=1, max_length=10_000)]


def kind_of(type_: str) -> Kind:
    """The kind of a type that is kept here; raises FhirProblem."""
    kind = KINDS.get(type_)
    if kind is None:
        raise refused(404, "not-supported", f"{type_[:100]} is not kept here, but {_TYPES_SHOWN}")
    return kind


def validate(type_: str, resource: Any) -> dict[str, Any]:
    """The resource, which is a valid one of this type; raises FhirProblem."""
    kind = kind_of(type_)
    if not isinstance(resource, dict):
        raise refused(400, "structure", "a resource is a JSON object")
    if resource.get("resourceType") != type_:
        found = str(resource.get("resourceType"))[:100]
        raise refused(400, "invalid", f"the resourceType is {found}: here it is {type_}")
    check_numbers(resource)
    issues = list(_structure(kind, resource)) or list(_rules(kind, resource))
    if issues:
        raise FhirProblem(400, issues[:ISSUES_MAX])
    return resource


async def validated(type_: str, resource: Any) -> dict[str, Any]:
    """The same; the first of a type and a large one take up to a second, which nobody else need
    wait for."""
    if type_ not in _LOADED or len(encode(resource)) > _IN_THREAD_BYTES:
        return await asyncio.to_thread(validate, type_, resource)
    return validate(type_, resource)


def check_id(id_: str) -> None:
    """Go on only with an id as FHIR allows it; raises FhirProblem."""
    if not ID.fullmatch(id_):
        raise refused(400, "value", "an id has 1 to 64 letters, digits, hyphens and dots")


def _rules(kind: Kind, resource: Mapping[str, Any]) -> Iterator[Issue]:
    status = resource.get("status")
    if kind.statuses and status is not None and status not in kind.statuses:
        known = ", ".join(sorted(kind.statuses))
        yield Issue("code-invalid", f"status is one of {known}", f"{kind.name}.status")
    for name, codes in CODES.get(kind.name, {}).items():
        if resource.get(name) is not None and resource[name] not in codes:
            known = ", ".join(sorted(codes))
            yield Issue("code-invalid", f"{name} is one of {known}", f"{kind.name}.{name}")
    if not kind.is_standard:
        yield from _no_instants(kind.name, resource.get("executionPeriod") or {})
    id_ = resource.get("id")
    if id_ is not None and not ID.fullmatch(id_):
        yield Issue("value", "an id has 1 to 64 letters, digits, - and .", f"{kind.name}.id")


def _structure(kind: Kind, resource: Mapping[str, Any]) -> Iterator[Issue]:
    if not kind.is_standard:
        try:
            msgspec.convert(resource, BillingWorkflow)
        except msgspec.ValidationError as wrong:
            yield Issue("invalid", str(wrong), kind.name)
        return
    from pydantic import ValidationError

    try:
        read = _model(kind.name).model_validate(resource)
        yield from _other_types(kind.name, resource, read.model_dump())
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False, include_context=False, include_input=False):
            code = _KINDS_OF_ERROR.get(error["type"], "value")
            yield Issue(code, error["msg"], _path(kind.name, error["loc"]))
    except (RecursionError, ArithmeticError, AttributeError, LookupError, TypeError) as wrong:
        # What the library does not expect of a resource is nothing that it could keep.
        yield Issue("structure", f"it cannot be read as a resource: {type(wrong).__name__}")


def _other_types(path: str, sent: Any, read: Any) -> Iterator[Issue]:
    """The library reads "yes" as true, "1" as a number, an element from a text: what is kept is
    what was sent, and would be no resource."""
    if isinstance(sent, dict | list) and not sent:
        yield Issue("structure", "an element is not empty", path)
    elif isinstance(sent, dict) and isinstance(read, dict):
        for name, one in sent.items():
            yield from _other_types(f"{path}.{name}", one, read.get(name))
    elif isinstance(sent, list) and isinstance(read, list):
        for index, (one, other) in enumerate(zip(sent, read, strict=False)):
            yield from _other_types(f"{path}[{index}]", one, other)
    elif sent is not None and read is not None:
        name, types = next((said for type_, said in _WRITTEN if isinstance(read, type_)), _TEXT)
        if not isinstance(sent, types) or (isinstance(sent, bool) and bool not in types):
            yield Issue("structure", f"it is not written as {name}", path)


_TEXT: Final[tuple[str, tuple[type, ...]]] = ("a text", (str,))
# By the type that the library reads, of which a boolean is an integer, too, and a decimal without
# digits behind the point an integer.
_WRITTEN: Final[tuple[tuple[type, tuple[str, tuple[type, ...]]], ...]] = (
    (bool, ("true or false", (bool,))),
    (int, ("a number", (Decimal, int))),
    (float, ("a number", (Decimal, int, float))),
    (Decimal, ("a number", (Decimal, int, float))),
    (dict, ("an object", (dict,))),
    (list, ("an array", (list,))),
)


def _no_instants(name: str, period: Mapping[str, Any]) -> Iterator[Issue]:
    for end in ("start", "end"):
        written = period.get(end)
        try:
            if written is not None and "T" in written:
                datetime.fromisoformat(written)
        except ValueError as wrong:
            yield Issue("value", str(wrong), f"{name}.executionPeriod.{end}")


def _path(name: str, where: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return name + "".join(steps)


@cache
def _model(name: str) -> Any:
    from fhir.resources.R4B import get_fhir_model_class

    model = get_fhir_model_class(name)
    _LOADED.add(name)
    return model


# --- our own type, which FHIR does not have ---


class _Coding(msgspec.Struct, frozen=True, kw_only=True):
    system: Text | None = None
    value: Text


class _Reference(msgspec.Struct, frozen=True, kw_only=True):
    reference: Text | None = None
    type: Text | None = None
    display: Text | None = None
    identifier: _Coding | None = None


class _Period(msgspec.Struct, frozen=True, kw_only=True):
    start: Instant | None = None
    end: Instant | None = None


class BillingWorkflow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run of a configured workflow; further elements are kept as they are."""

    resource_type: Literal["BillingWorkflow"]
    id: str | None = None
    meta: dict[str, Any] | None = None
    identifier: list[_Coding] = []
    status: str
    name: Text | None = None
    subject: _Reference | None = None
    execution_period: _Period | None = None
