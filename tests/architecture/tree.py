"""The project's own files as the rules see them: texts, and Python sources with their syntax."""

import ast
import os
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Final, NamedTuple, TypeVar, cast

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("contracts", "domain", "projections", "relay", "services")
FOLDERS: Final = (*PACKAGES, "deploy", "docs", "tests", ".ci")
# Data and generated documents: nobody writes or reads their lines.
_DATA: Final = (".json", ".jsonl", ".pyc", ".gz", ".pdf", ".png", ".svg", ".txt")

_AT_THE_ROOT: Final = (".md", ".toml", ".yaml", "justfile", ".gitignore")

Node = TypeVar("Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Offence(NamedTuple):
    """Where a rule is broken and what is wrong there."""

    path: str
    line: int
    wrong: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.wrong}"


class Text:
    """A file of the project, by its path from the root."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.splitlines()

    def offence(self, line: int, wrong: str) -> Offence:
        """Something wrong in this file; lines count from 1."""
        return Offence(self.path, line, wrong)

    @property
    def is_python(self) -> bool:
        """Whether it is a Python source."""
        return self.path.endswith(".py")

    @property
    def package(self) -> str:
        """The top-level folder."""
        return self.path.partition("/")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax of a Python source."""
        return ast.parse(self.text, self.path)

    @cached_property
    def _nodes(self) -> dict[type[ast.AST], list[ast.AST]]:
        """By their very kind: one walk is enough for all rules."""
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        """Every node of a kind, in no order."""
        return iter(cast("list[Node]", self._nodes.get(kind, [])))

    def functions(self) -> Iterator[Function]:
        """Every function and method, synchronous or not."""
        yield from self.nodes(ast.FunctionDef)
        yield from self.nodes(ast.AsyncFunctionDef)


@cache
def texts() -> tuple[Text, ...]:
    """Every text that people write and read."""
    return tuple(
        Text(str(path.relative_to(ROOT)), path.read_text())
        for path in sorted(_files())
        if path.suffix not in _DATA
    )


@cache
def sources() -> tuple[Text, ...]:
    """Every Python source."""
    return tuple(text for text in texts() if text.is_python)


def _files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.name.endswith(_AT_THE_ROOT))
    for folder in FOLDERS:
        for parent, children, names in os.walk(ROOT / folder):
            children[:] = [child for child in children if child != "__pycache__"]
            yield from (Path(parent) / name for name in names)
