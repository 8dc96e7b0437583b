"""Parameters of activities: what an expression says, and what it comes to.

`$input.a.b` and `$activities.<id>.output.a[0].b` read what there is, null where there is nothing;
`$$` at the beginning is a dollar sign; everything else is what it says.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

_REFERENCE: Final = re.compile(
    r"\$(?:input|activities\.(?P<activity>[A-Za-z0-9_-]+)\.output)"
    r"(?P<path>(?:\.[^.\[\]\s$]+|\[[0-9]{1,9}\])*)"
)
_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]+)\]")
_INDEX: Final = re.compile(r"[0-9]{1,9}")


class ExpressionInvalid(ValueError):
    """A text that begins with a dollar sign and is no expression."""


class Reference(NamedTuple):
    """Reads from the input, or from the output of an activity, along a path."""

    activity: str | None
    path: tuple[str, ...]


def expression(text: str) -> Reference | str:
    """What a text says: a reference, or itself; raises ExpressionInvalid."""
    if not text.startswith("$"):
        return text
    if text.startswith("$$"):
        return text[1:]
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise ExpressionInvalid(
            f"{text!r} is neither $input.field nor $activities.<id>.output.field;"
            " a text that begins with a dollar sign is written with two"
        )
    steps = (step["name"] or step["index"] for step in _STEP.finditer(found["path"]))
    return Reference(found["activity"], tuple(steps))


def texts_of(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from texts_of(part, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from texts_of(part, f"{path}[{index}]")


def resolve(value: Any, given: Any, outputs: Mapping[str, Any]) -> Any:
    """What a parameter comes to, with the workflow's input and the outputs of ancestors."""
    if isinstance(value, str):
        said = expression(value)
        if isinstance(said, str):
            return said
        found = given if said.activity is None else outputs.get(said.activity)
        return _at(found, said.path)
    if isinstance(value, Mapping):
        return {name: resolve(part, given, outputs) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(part, given, outputs) for part in value]
    return value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list | tuple) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
