"""FHIR R4 bundles read into the messages that the clinic and the payer would have sent themselves.

Pure: the same bytes always give the same messages, so a file that is sent again changes nothing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.cloudevent import CloudEvent
from services.intake.fhir_claim import claim_messages
from services.intake.fhir_problem import FhirUnreadable, Problem
from services.intake.fhir_resources import (
    Bundle,
    Encounter,
    Entry,
    ExplanationOfBenefit,
    Patient,
    Resource,
)

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_decode_bundle: Final = msgspec.json.Decoder(Bundle).decode
_decode_entry: Final = msgspec.json.Decoder(Entry).decode
_decode_resource: Final = msgspec.json.Decoder(Resource).decode
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    shape.__name__: msgspec.json.Decoder(shape)
    for shape in (Encounter, ExplanationOfBenefit, Patient)
}
_NO_CLAIMS: Final = FhirUnreadable(
    "no claims: the bundle has no readable ExplanationOfBenefit",
    "send a bundle with the ExplanationOfBenefit of each claim",
)


class BundleReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a document gave: messages to publish, and everything in it that was not read."""

    source: str
    messages: tuple[CloudEvent, ...]
    problems: tuple[Problem, ...]


def read_files(paths: Iterable[Path]) -> Iterator[BundleReading]:
    """Read files, and the `*.json` of folders in name order, holding one document at a time."""
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            nothing = FhirUnreadable("holds no *.json", "name a folder of bundles, or files")
            yield _nothing(str(path), nothing)
        for file in files:
            try:
                data = file.read_bytes()
            except OSError as error:
                what = f"cannot be opened ({error.strerror})"
                yield _nothing(str(file), FhirUnreadable(what, "name a file that can be read"))
            else:
                yield read_bundle(data, str(file))


def read_bundle(data: bytes, source_name: str) -> BundleReading:
    """The messages of one bundle, in its order; `source_name` appears in problems only.

    Raises nothing: what is wrong with one resource is a problem beside the messages of the others.
    """
    problems: list[Problem] = []
    messages: list[CloudEvent] = []
    try:
        resources = list(_resources(_bundle(data), source_name, problems))
    except FhirUnreadable as refusal:
        return _nothing(source_name, refusal)
    records = {name: resource for _, names, resource in resources for name in names}
    claims = [(at, claim) for at, _, claim in resources if isinstance(claim, ExplanationOfBenefit)]
    for pointer, claim in claims:
        try:
            messages.extend(claim_messages(claim, records))
        except FhirUnreadable as refusal:
            problems.append(refusal.at(source_name, pointer))
    if not claims:
        problems.append(_NO_CLAIMS.at(source_name, "/entry"))
    return BundleReading(source=source_name, messages=tuple(messages), problems=tuple(problems))


def _nothing(source: str, refusal: FhirUnreadable) -> BundleReading:
    return BundleReading(source=source, messages=(), problems=(refusal.at(source, ""),))


def _bundle(data: bytes) -> Bundle:
    try:
        bundle = _decode_bundle(data.removeprefix(_BYTE_ORDER_MARK))
    except msgspec.ValidationError as error:
        raise FhirUnreadable(f"no FHIR Bundle ({error})", "send a FHIR R4 Bundle") from error
    except _UNREADABLE as error:
        raise FhirUnreadable(f"no JSON ({error})", "send a FHIR R4 Bundle as JSON") from error
    if bundle.resource_type != "Bundle":
        found = bundle.resource_type or "JSON without a resourceType"
        raise FhirUnreadable(f"no FHIR Bundle but {found}", "send a FHIR R4 Bundle")
    return bundle


def _resources(
    bundle: Bundle, source: str, problems: list[Problem]
) -> Iterator[tuple[str, tuple[str, ...], Resource]]:
    """Each resource: its pointer, what references call it, itself."""
    for index, raw in enumerate(bundle.entry):
        pointer = f"/entry/{index}"
        try:
            entry = _decode_entry(raw)
            if bytes(entry.resource) == b"null":
                continue
            kind = _decode_resource(entry.resource)
            decoder = _DECODERS.get(kind.resource_type)
            resource = kind if decoder is None else decoder.decode(entry.resource)
        except _UNREADABLE as error:
            unreadable = FhirUnreadable(f"malformed ({error})", "correct the resource")
            problems.append(unreadable.at(source, f"{pointer}/resource"))
            continue
        yield f"{pointer}/resource", _names(entry, kind), resource


def _names(entry: Entry, resource: Resource) -> tuple[str, ...]:
    names = (entry.full_url, resource.id and f"{resource.resource_type}/{resource.id}")
    return tuple(name for name in names if name)
