"""JSON Patch (RFC 6902) over decoded JSON, whole or not at all, bounded in what it may cost."""

import re
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

from services.fhir.content import encode
from services.fhir.problem import refused

OPERATIONS_MAX: Final = 500
COPIED_BYTES_MAX: Final = 1024 * 1024
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_ESCAPES: Final = re.compile(r"~(?![01])")
_WITH_VALUE: Final = ("add", "replace", "test")
_WITH_FROM: Final = ("move", "copy")
Path = tuple[str, ...]


class Unfit(Exception):
    """An operation that the document has no place for."""


def patched(document: Any, operations: Any) -> Any:
    """A document with the operations applied, all of them; what was given stays as it was.

    Raises FhirProblem: 400 for what is no patch, 422 for one that does not fit the document.
    """
    if not isinstance(operations, list) or not operations:
        raise refused(400, "structure", "a JSON Patch is an array of operations")
    if len(operations) > OPERATIONS_MAX:
        raise refused(400, "too-costly", f"at most {OPERATIONS_MAX} operations at once")
    changed, copied_bytes = deepcopy(document), 0
    for number, operation in enumerate(operations):
        _check(operation, number)
        try:
            if operation["op"] == "copy":
                copied_bytes += len(encode(_at(changed, _path(operation["from"]))))
                if copied_bytes > COPIED_BYTES_MAX:
                    raise refused(422, "too-costly", f"operation {number} copies too much")
            changed = _applied(changed, operation)
        except Unfit as wrong:
            detail = f"operation {number}, {operation['op']}: {wrong}"
            raise refused(422, "processing", detail) from wrong
    return changed


def _check(operation: Any, number: int) -> None:
    wrong = "it is no object"
    if isinstance(operation, dict):
        op = operation.get("op")
        wants = {"path"} | ({"value"} if op in _WITH_VALUE else set())
        wants |= {"from"} if op in _WITH_FROM else set()
        pointers = [operation[name] for name in ("path", "from") if name in operation]
        if op not in (*_WITH_VALUE, *_WITH_FROM, "remove"):
            wrong = "op is add, remove, replace, move, copy or test"
        elif missing := wants - operation.keys():
            wrong = f"it has no {', '.join(sorted(missing))}"
        elif not all(map(_is_pointer, pointers)):
            wrong = "a path is a JSON Pointer (RFC 6901), such as /status"
        else:
            return
    raise refused(400, "structure", f"operation {number}: {wrong}")


def _is_pointer(text: Any) -> bool:
    is_rooted = isinstance(text, str) and (not text or text.startswith("/"))
    return is_rooted and not _ESCAPES.search(text)


def _path(pointer: str) -> Path:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _applied(document: Any, operation: dict[str, Any]) -> Any:
    path = _path(operation["path"])
    match operation["op"]:
        case "add":
            return _added(document, path, deepcopy(operation["value"]))
        case "remove":
            return _removed(document, path)
        case "replace":
            _at(document, path)
            return _put(document, path, deepcopy(operation["value"]))
        case "copy":
            return _added(document, path, deepcopy(_at(document, _path(operation["from"]))))
        case "move":
            return _moved(document, _path(operation["from"]), path)
    if not _equal(_at(document, path), operation["value"]):
        raise Unfit(f"{operation['path']} has another value")
    return document


def _moved(document: Any, source: Path, path: Path) -> Any:
    value = _at(document, source)
    if source == path:
        return document
    if path[: len(source)] == source:
        raise Unfit("nothing is moved into itself")
    return _added(_removed(document, source), path, value)


def _at(document: Any, path: Path) -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[_index(document, step, len(document) - 1)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise Unfit(f"there is no {step[:100]!r}")
    return document


def _index(found: list[Any], step: str, last: int) -> int:
    if not _INDEX.fullmatch(step) or int(step) > last:
        raise Unfit(f"there is no {step[:100]!r} in an array of {len(found)}")
    return int(step)


def _added(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    parent, step = _at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = len(parent) if step == "-" else _index(parent, step, len(parent))
        parent.insert(at, value)
        return document
    return _put(document, path, value)


def _put(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    parent, step = _at(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent[_index(parent, step, len(parent) - 1)] = value
    elif isinstance(parent, dict):
        parent[step] = value
    else:
        raise Unfit(f"nothing has a {step[:100]!r} there")
    return document


def _removed(document: Any, path: Path) -> Any:
    _at(document, path)
    if not path:
        raise Unfit("the whole is not removed")
    parent, step = _at(document, path[:-1]), path[-1]
    del parent[int(step) if isinstance(parent, list) else step]
    return document


def _equal(one: Any, other: Any) -> bool:
    """By RFC 6902 section 4.6: numbers by their value, and no boolean is a number."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    number = int | Decimal
    if isinstance(one, number) and isinstance(other, number):
        return one == other
    return isinstance(one, str) and isinstance(other, str) and one == other
