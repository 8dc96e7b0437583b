"""What a search asks for, read from its parameters as FHIR's REST has them.

What is not supported is left out and named, or refused where the caller wants it strictly.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.fhir.facts import ID, subject_asked
from services.fhir.kinds import SUBJECT_PARAMETERS, Kind
from services.fhir.problem import refused

COUNT_USUAL: Final = 50
COUNT_MAX: Final = 200
AFTER: Final = "_after"
"""Our own parameter of the links between pages: the last id of the page before."""
_VALUES_MAX: Final = 100
# Of no effect on what is found, and so no part of the answer's links.
_HARMLESS: Final = ("_format", "_pretty")
_COUNT: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class Identifier(NamedTuple):
    """An identifier that is asked for; a system of None is any, an empty one is none."""

    system: str | None
    value: str


class Asked(NamedTuple):
    """A search; what is None is not asked for, and of several values one suffices."""

    ids: tuple[str, ...] | None = None
    identifiers: tuple[Identifier, ...] | None = None
    statuses: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    limit: int = COUNT_USUAL
    after: str = ""
    is_total_wanted: bool = False
    used: tuple[tuple[str, str], ...] = ()
    """The parameters that were understood, as they were sent."""
    ignored: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether it asks for anything but a type."""
        return any(each is not None for each in self[:4])


def read_search(
    kind: Kind, parameters: Sequence[tuple[str, str]], *, is_strict: bool = False
) -> Asked:
    """The search that parameters ask for; raises FhirProblem."""
    used = {}
    ignored = []
    for name, value in parameters:
        if name in used:
            raise refused(400, "not-supported", f"give {name} once, with commas for one of several")
        if ":" in name:
            raise refused(400, "not-supported", f"{name[:100]}: modifiers are not supported")
        if name in _HARMLESS:
            continue
        if name in _known(kind):
            used[name] = value
        else:
            ignored.append(name[:100])
    if is_strict and ignored:
        raise refused(400, "not-supported", f"no such parameter here: {', '.join(ignored)}")
    return _asked(kind, used)._replace(used=tuple(used.items()), ignored=tuple(ignored))


def read_criteria(kind: Kind, parameters: Sequence[tuple[str, str]]) -> Asked:
    """What a conditional interaction goes by; raises FhirProblem.

    An identifier has to be in it: by that alone two that come at once know of each other.
    """
    asked = read_search(kind, parameters, is_strict=True)
    if asked.identifiers is None or asked.after or asked.is_total_wanted:
        raise refused(
            400, "invalid", "a condition names an identifier, as ?identifier=system|value"
        )
    if not all(each.value for each in asked.identifiers):
        raise refused(400, "invalid", "a condition names an identifier whole, with its value")
    return asked._replace(limit=2)


def _known(kind: Kind) -> tuple[str, ...]:
    status = ("status",) if kind.statuses else ()
    subject = SUBJECT_PARAMETERS if kind.subject not in (None, "id") else ()
    return ("_id", "identifier", *status, *subject, "_count", "_total", "_summary", AFTER)


def search_parameters(kind: Kind) -> list[tuple[str, str]]:
    """Name and type of what can be searched by, for the CapabilityStatement."""
    types = {"_id": "token", "identifier": "token", "status": "token"}
    names = [name for name in _known(kind) if name in types or name in SUBJECT_PARAMETERS]
    return [(name, types.get(name, "reference")) for name in names]


def _asked(kind: Kind, used: Mapping[str, str]) -> Asked:
    statuses = _values(used, "status")
    people = {name: _values(used, name) for name in SUBJECT_PARAMETERS}
    given = [values for values in people.values() if values is not None]
    if len(given) > 1:
        raise refused(400, "not-supported", "ask for the person by one parameter")
    ids, identifiers = _values(used, "_id"), _values(used, "identifier")
    after = used.get(AFTER, "")
    if after and not ID.fullmatch(after):
        raise refused(400, "value", f"{AFTER} is of a link that this server made")
    return Asked(
        ids=ids,
        identifiers=tuple(map(_identifier, identifiers)) if identifiers else None,
        statuses=statuses and tuple(each.rpartition("|")[2] for each in statuses),
        subjects=tuple(map(subject_asked, given[0])) if given else None,
        limit=_count(used),
        after=after,
        is_total_wanted=used.get("_total") == "accurate" or used.get("_summary") == "count",
    )


def _count(used: Mapping[str, str]) -> int:
    if used.get("_summary", "false") not in ("count", "false"):
        raise refused(400, "not-supported", "_summary is count or false here")
    if used.get("_summary") == "count":
        return 0
    written = used.get("_count", str(COUNT_USUAL))
    if not _COUNT.fullmatch(written):
        raise refused(400, "value", "_count is a number")
    return min(int(written), COUNT_MAX)


def _values(used: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    if name not in used:
        return None
    found = tuple(re.split(r"(?<!\\),", used[name]))
    if len(found) > _VALUES_MAX:
        raise refused(400, "too-costly", f"at most {_VALUES_MAX} values of {name}")
    if not all(found) or "\0" in used[name]:
        raise refused(400, "value", f"{name} has no value that could be one")
    return found


def _identifier(written: str) -> Identifier:
    parts = [_plain(part) for part in re.split(r"(?<!\\)\|", written)]
    if len(parts) > 2 or not any(parts):
        raise refused(400, "value", "an identifier is asked for as system|value")
    return Identifier(None, parts[0]) if len(parts) == 1 else Identifier(*parts)


def _plain(escaped: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", escaped)
