"""The plan of a configured workflow: its activities in the order of work, checked once.

What a plan is made of is all there is to know about a run: the interpreter reads no file.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from contracts.workflow import ActivityDefinition, Retry, WorkflowDefinition
from domain.plan_scripts import Script, ScriptInvalid, script
from domain.plan_values import ExpressionInvalid, Reference, expression, texts_of
from domain.plan_yaml import Located, YamlInvalid, read_yaml

ACTIVITIES_MAX: Final = 1_000
DEPTH_MAX: Final = 16
_AT: Final = re.compile(r" - at `(?P<path>[^`]+)`$")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """An activity at its place; `end` is the place behind the last activity below it, `reads` are
    the ancestors whose outputs it reads."""

    id: str
    script: str
    params: dict[str, Any]
    applicability: tuple[Any, ...]
    reads: tuple[str, ...]
    parent: int | None
    end: int
    retry: Retry
    non_retryable: bool
    timeout_seconds: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow's activities depth first, which is the order in which they are worked on."""

    id: str
    activities: tuple[Activity, ...]


class Wrong(NamedTuple):
    """What is wrong with a file, and where."""

    file: str
    line: int
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.detail}"


class PlanInvalid(Exception):
    """A file that is no workflow; what is wrong with it is a line each."""

    def __init__(self, wrongs: tuple[Wrong, ...]) -> None:
        super().__init__("\n".join(map(str, wrongs)))
        self.wrongs = wrongs


class Placed(NamedTuple):
    """A script that a plan names, and the line where it does."""

    script: Script
    line: int


class Compiled(NamedTuple):
    """A plan, and the scripts that have to be there for it."""

    plan: Plan
    scripts: tuple[Placed, ...]


class _Node(NamedTuple):
    definition: ActivityDefinition
    path: str
    parent: int | None
    end: int
    ancestors: tuple[str, ...]


def compile_plan(text: str, file: str) -> Compiled:
    """The plan of a file's text, which nothing is wrong with; raises PlanInvalid."""
    located = _read(text, file)
    definition = _converted(located, file)
    nodes = _in_order(definition)
    wrongs = tuple(_wrongs(nodes, located, file))
    if wrongs:
        raise PlanInvalid(tuple(sorted(wrongs, key=lambda wrong: wrong.line)))
    placed = (
        Placed(script(node.definition.script), _line(located, f"{node.path}.script"))
        for node in nodes
    )
    return Compiled(Plan(id=definition.id, activities=tuple(map(_activity, nodes))), tuple(placed))


def digest(plan: Plan) -> str:
    """SHA-256 of the plan's canonical JSON, in hex."""
    return hashlib.sha256(_encode(plan)).hexdigest()


def _read(text: str, file: str) -> Located:
    try:
        return read_yaml(text)
    except YamlInvalid as invalid:
        wrong = Wrong(file, invalid.line, invalid.rule, invalid.detail)
        raise PlanInvalid((wrong,)) from None


def _converted(located: Located, file: str) -> WorkflowDefinition:
    try:
        return msgspec.convert(located.value, WorkflowDefinition)
    except msgspec.ValidationError as invalid:
        found = _AT.search(str(invalid))
        path = found["path"] if found else "$"
        line = _line(located, path)
        detail = f"{path}: {_AT.sub('', str(invalid))}"
        raise PlanInvalid((Wrong(file, line, "schema", detail),)) from None


def _line(located: Located, path: str) -> int:
    """The line of a path, or of what it is in where it has none of its own."""
    while path not in located.lines and path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return located.lines.get(path, 1)


def _in_order(definition: WorkflowDefinition) -> list[_Node]:
    nodes: list[_Node] = []
    for index, each in enumerate(definition.activities):
        _append(nodes, each, f"$.activities[{index}]", None, ())
    return nodes


def _append(
    nodes: list[_Node],
    definition: ActivityDefinition,
    path: str,
    parent: int | None,
    ancestors: tuple[str, ...],
) -> None:
    place = len(nodes)
    nodes.append(_Node(definition, path, parent, place + 1, ancestors))
    for index, each in enumerate(definition.activities):
        below = (*ancestors, definition.id)
        _append(nodes, each, f"{path}.activities[{index}]", place, below)
    nodes[place] = nodes[place]._replace(end=len(nodes))


def _activity(node: _Node) -> Activity:
    definition = node.definition
    return Activity(
        id=definition.id,
        script=str(script(definition.script)),
        params=definition.params,
        applicability=definition.applicability,
        reads=_reads(definition),
        parent=node.parent,
        end=node.end,
        retry=definition.retry,
        non_retryable=definition.non_retryable,
        timeout_seconds=definition.timeout_seconds,
    )


def _reads(definition: ActivityDefinition) -> tuple[str, ...]:
    texts = texts_of((definition.params, definition.applicability), "")
    said = (expression(text) for _, text in texts)
    found = (each.activity for each in said if isinstance(each, Reference) and each.activity)
    return tuple(dict.fromkeys(found))


def _wrongs(nodes: list[_Node], located: Located, file: str) -> Iterator[Wrong]:
    if len(nodes) > ACTIVITIES_MAX:
        yield Wrong(file, 1, "too-large", f"{len(nodes)} activities: {ACTIVITIES_MAX} at most")
        return
    first: dict[str, int] = {}
    known = {node.definition.id for node in nodes}
    for node in nodes:
        line = _line(located, f"{node.path}.id")
        id_ = node.definition.id
        if id_ in first:
            yield Wrong(file, line, "unique-id", f"{id_!r} is in line {first[id_]} already")
        first.setdefault(id_, line)
        if len(node.ancestors) >= DEPTH_MAX:
            yield Wrong(file, line, "too-deep", f"{id_!r}: {DEPTH_MAX} levels at most")
        for path, rule, detail in _wrong_in(node, known):
            yield Wrong(file, _line(located, path), rule, detail)


def _wrong_in(node: _Node, known: set[str]) -> Iterator[tuple[str, str, str]]:
    try:
        script(node.definition.script)
    except ScriptInvalid as invalid:
        yield f"{node.path}.script", "script", str(invalid)
    said = (
        *texts_of(node.definition.params, f"{node.path}.params"),
        *texts_of(node.definition.applicability, f"{node.path}.applicability"),
    )
    for path, text in said:
        try:
            found = expression(text)
        except ExpressionInvalid as invalid:
            yield path, "expression", str(invalid)
            continue
        if isinstance(found, Reference) and found.activity is not None:
            yield from _wrong_reference(node, path, found.activity, known)


def _wrong_reference(
    node: _Node, path: str, activity: str, known: set[str]
) -> Iterator[tuple[str, str, str]]:
    if activity in node.ancestors:
        return
    if activity == node.definition.id:
        yield path, "cycle", f"{activity!r} cannot read its own output"
    elif activity not in known:
        yield path, "ancestor", f"there is no activity {activity!r}"
    else:
        yield (
            path,
            "ancestor",
            f"{activity!r} is no ancestor of {node.definition.id!r}: only those can be read",
        )
