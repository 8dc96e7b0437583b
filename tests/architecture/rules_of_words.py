"""What names may not say, what a file may not mention, and where a reason has to stand."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from tests.architecture.tree import Offence, Text

# They say nothing of the business; what they would hold has a name of its own.
_EMPTY_WORDS: Final = frozenset(
    {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")

# The files that name what is forbidden.
_RULES: Final = ("tests/architecture/rules_of_words.py", "tests/architecture/test_tidy_rules.py")
_UNFINISHED: Final = re.compile(r"\b(TODO|FIXME)\b|NotImplementedError")
_ADDRESS: Final = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|npmmirror|crates\.io"
    r"|index-url|find-links|PIP_INDEX|UV_INDEX|UV_DEFAULT_INDEX"
)
_PLACE: Final = re.compile(r"(?<![\w.~$}])/(builds|home|root|Users|work|workspaces?)/\w+")

_PRAGMA: Final = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)")
_CODES: Final = re.compile(r"^[:\s]*(\[[\w\-, ]+\]|[A-Z]+\d+(,\s*[A-Z]+\d+)*)")
_SKIP: Final = re.compile(r"\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
_VERSION: Final = re.compile(r'"[\w.\-]+(\[[\w,]+\])?\s*(===?|[<>]=?|~=|!=)')
_REASON_WORDS_MIN: Final = 2


def names(text: Text) -> Iterator[Offence]:
    """No module, class or function is called a helper or a manager."""
    for part in PurePosixPath(text.path).parts:
        if words_of(part) & _EMPTY_WORDS:
            yield text.offence(1, f"{part!r} says nothing: name what is in it")
    if not text.is_python:
        return
    for node in (*text.nodes(ast.ClassDef), *text.functions()):
        if words_of(node.name) & _EMPTY_WORDS:
            yield text.offence(node.lineno, f"{node.name!r} says nothing: name what it does")


def words_of(name: str) -> set[str]:
    """The words of a name, however it joins them."""
    return {word.lower() for word in _WORDS.findall(name)}


def unfinished(text: Text) -> Iterator[Offence]:
    """Nothing is left to be done later."""
    yield from _found(text, _UNFINISHED, "is unfinished: do it, or leave it out")


def registry_address(text: Text) -> Iterator[Offence]:
    """Where packages come from is the machine's affair."""
    yield from _found(text, _ADDRESS, "is the address of a registry")


def machine_path(text: Text) -> Iterator[Offence]:
    """No path of somebody's own machine."""
    yield from _found(text, _PLACE, "is a path of one machine")


def pragma_reason(text: Text) -> Iterator[Offence]:
    """An exception to a checker names its code and, on the same line, its reason."""
    if not text.is_python or text.path in _RULES:
        return
    for number, line in enumerate(text.lines, 1):
        pragma = _PRAGMA.search(line)
        if pragma is None:
            continue
        codes = _CODES.match(pragma["rest"])
        if codes is None:
            yield text.offence(number, "an exception without the code that it is for")
        elif not _is_reason(pragma["rest"][codes.end() :]):
            yield text.offence(number, "an exception without a reason on its line")


def skip_reason(text: Text) -> Iterator[Offence]:
    """A test that does not run says why on the line."""
    if not text.is_python or text.path in _RULES:
        return
    for number, line in enumerate(text.lines, 1):
        if _SKIP.search(line) and "reason=" not in line and not _is_reason(_comment(line)):
            yield text.offence(number, "a test is skipped without a reason on the line")


def version_reason(text: Text) -> Iterator[Offence]:
    """A version that is bounded by hand says why; the pins below are written by `just lock`."""
    if text.path != "pyproject.toml":
        return
    pins = False
    for number, line in enumerate(text.lines, 1):
        pins = (pins or line.startswith("constraint-dependencies")) and line != "]"
        if not pins and _VERSION.search(line) and not _is_reason(_comment(line)):
            yield text.offence(number, "a version without a reason on its line")


def _found(text: Text, pattern: re.Pattern[str], wrong: str) -> Iterator[Offence]:
    if text.path in _RULES:
        return
    for number, line in enumerate(text.lines, 1):
        match = pattern.search(line)
        if match is not None:
            yield text.offence(number, f"{match[0]!r} {wrong}")


def _comment(line: str) -> str:
    return line.rpartition(" #")[2] if " #" in line else ""


def _is_reason(words: str) -> bool:
    return len(re.findall(r"\w+", words)) >= _REASON_WORDS_MIN


RULES: Final = (
    names,
    unfinished,
    registry_address,
    machine_path,
    pragma_reason,
    skip_reason,
    version_reason,
)
