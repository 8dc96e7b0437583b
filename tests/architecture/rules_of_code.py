"""What code may not do: floats and clocks in decisions, SQL by formatting, sleeps in tests."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture.tree import Function, Offence, Text

PURE: Final = ("contracts", "domain")
SQL_LINES_MAX: Final = 11

# Loops that wait for another process, which sets no event; each has a deadline.
SLEEPING: Final = {
    "tests/conftest.py": "`eventually`: the waiting loop of tests, for a condition in this process",
    "tests/fixtures/waiting.py": "`until`: the same for one that has to be asked for",
}
# Names of databases and schemas, which are no values and so cannot be parameters.
FORMATTED_SQL: Final = {
    "tests/fixtures/databases.py": "a database of its own for every test",
    "tests/fixtures/recorder_bridge.py": "a schema of its own for every case of the library's",
}

_SQL: Final = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|GRANT|TRUNCATE|COPY|LOCK)\s"
)
_CLOCKS: Final = frozenset({"now", "utcnow", "uuid1", "uuid4", "monotonic", "urandom"})


def floats(text: Text) -> Iterator[Offence]:
    """Money and rates are integers or decimals: no float in contracts and domain."""
    if text.package not in PURE:
        return
    for name in text.nodes(ast.Name):
        if name.id == "float":
            yield text.offence(name.lineno, "a float")
    for constant in text.nodes(ast.Constant):
        if isinstance(constant.value, float):
            yield text.offence(constant.lineno, "a float")


def clocks(text: Text) -> Iterator[Offence]:
    """Time and ids come in as arguments: no clock and no chance in contracts and domain."""
    if text.package not in PURE:
        return
    for call in text.nodes(ast.Call):
        name = _called(call).rpartition(".")[2]
        # `book.today(facility)` is given its instant; `date.today()` is not.
        if name in _CLOCKS or (name == "today" and not call.args):
            yield text.offence(call.lineno, f"{name}() is another thing at every call")


def loose_structs(text: Text) -> Iterator[Offence]:
    """msgspec does not inherit `kw_only`, and mypy wants `frozen` said again: both, every time."""
    if text.package not in PURE:
        return
    for struct in _structs(text):
        said = {word.arg for word in struct.keywords if ast.unparse(word.value) == "True"}
        for missing in sorted({"frozen", "kw_only"} - said):
            yield text.offence(struct.lineno, f"{struct.name} does not say {missing}=True")


def _structs(text: Text) -> Iterator[ast.ClassDef]:
    """Structs, also those of a class that is not in this file: they repeat what a struct says."""
    known = {"Struct"}
    for node in sorted(text.nodes(ast.ClassDef), key=lambda node: node.lineno):
        parents = {ast.unparse(parent).rpartition(".")[2] for parent in node.bases}
        if parents & known or any(word.arg in ("frozen", "kw_only") for word in node.keywords):
            known.add(node.name)
            yield node


def long_sql(text: Text) -> Iterator[Offence]:
    """A statement of a dozen lines stands in a .sql file, beside its owner."""
    if not text.is_python:
        return
    for constant in text.nodes(ast.Constant):
        value = constant.value
        if not (isinstance(value, str) and _SQL.match(value)):
            continue
        count = (constant.end_lineno or 0) - constant.lineno + 1
        if count > SQL_LINES_MAX:
            yield text.offence(constant.lineno, f"{count} lines of SQL: put them into a .sql file")


def formatted_sql(text: Text) -> Iterator[Offence]:
    """Values are parameters: SQL is never put together by formatting."""
    if not text.is_python or text.path in FORMATTED_SQL:
        return
    for joined in text.nodes(ast.JoinedStr):
        if _is_sql(joined.values[0]):
            yield text.offence(joined.lineno, "SQL in an f-string")
    for call in text.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and _is_sql(call.func.value):
            yield text.offence(call.lineno, f"SQL by {call.func.attr}()")
    for operation in text.nodes(ast.BinOp):
        if _is_sql(operation.left):
            yield text.offence(operation.lineno, "SQL by an operator")


def _is_sql(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(_SQL.match(str(node.value)))


def swallowed(text: Text) -> Iterator[Offence]:
    """Whoever lets any exception go says why; a named one may say enough."""
    if not text.is_python:
        return
    for handler in text.nodes(ast.ExceptHandler):
        silent = all(isinstance(step, ast.Pass | ast.Continue) for step in handler.body)
        written = text.lines[handler.lineno - 1 : handler.end_lineno]
        if silent and _is_broad(handler.type) and not any("#" in line for line in written):
            yield text.offence(handler.lineno, "any exception is swallowed without a reason")
    for call in text.nodes(ast.Call):
        broad = any(_is_broad(argument) for argument in call.args)
        if _called(call).endswith("suppress") and broad and "#" not in text.lines[call.lineno - 1]:
            yield text.offence(call.lineno, "any exception is suppressed without a reason")


def _is_broad(caught: ast.expr | None) -> bool:
    return caught is None or ast.unparse(caught) in ("Exception", "BaseException")


def sleeps(text: Text) -> Iterator[Offence]:
    """A test waits for a condition, never for a time."""
    if text.package != "tests" or not text.is_python or text.path in SLEEPING:
        return
    for call in text.nodes(ast.Call):
        zero = [ast.unparse(argument) for argument in call.args] == ["0"]
        if _called(call) in ("time.sleep", "asyncio.sleep", "sleep") and not zero:
            yield text.offence(call.lineno, "a test sleeps: wait for a condition with a deadline")


def sentences(text: Text) -> Iterator[Offence]:
    """The name of a test is a sentence, so that its failure reads as what is no longer true."""
    if text.package != "tests" or not text.is_python:
        return
    for node in text.tree.body:  # methods are cases of a library's suite, under its names
        if isinstance(node, Function) and re.fullmatch(r"test_[^_]+(_[^_]+)?", node.name):
            yield text.offence(node.lineno, f"{node.name!r} is no sentence")


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func) if isinstance(call.func, ast.Attribute | ast.Name) else ""


RULES: Final = (
    floats,
    clocks,
    loose_structs,
    long_sql,
    formatted_sql,
    swallowed,
    sleeps,
    sentences,
)
