"""What code may not do: floats and clocks in decisions, SQL by formatting, sleeps in tests."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture.tree import Function, Offence, Text

PURE: Final = ("contracts", "domain")
SQL_LINES_MAX: Final = 11

# Sleeps that wait for nothing, where it is time itself that is tested.
SLEEPING: Final = {
    "tests/bus/test_pull.py": "a message may be worked on longer than the server waits for an ack",
    "tests/postgres/test_execute_crash.py": "connections are cut at moments that nobody chose",
    "tests/bus/test_relay_soak.py": "writers take their time, so that commits overtake each other",
}

_VALUES: Final = r"SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|COPY"
_DEFINITIONS: Final = r"CREATE|ALTER|DROP|GRANT|TRUNCATE|LOCK"
_SQL: Final = re.compile(rf"\s*({_VALUES}|{_DEFINITIONS})\s")
# A definition takes no parameters: who makes a database of his own to try on has to name it.
_TRYING: Final = ("tests/", "services/bench/")
_SQL_OF_VALUES: Final = re.compile(rf"\s*({_VALUES})\s")
_CLOCKS: Final = frozenset({"now", "utcnow", "uuid1", "uuid4", "monotonic", "urandom"})


def floats(text: Text) -> Iterator[Offence]:
    """Money and rates are integers or decimals: no float in contracts and domain."""
    if not _is_pure(text):
        return
    for name in text.nodes(ast.Name):
        if name.id == "float":
            yield text.offence(name.lineno, "a float")
    for constant in text.nodes(ast.Constant):
        if isinstance(constant.value, float):
            yield text.offence(constant.lineno, "a float")


def _is_pure(text: Text) -> bool:
    return text.is_python and text.package in PURE


def clocks(text: Text) -> Iterator[Offence]:
    """Time and ids come in as arguments: no clock and no chance in contracts and domain."""
    if not _is_pure(text):
        return
    for call in text.nodes(ast.Call):
        name = _called(call).rpartition(".")[2]
        # `book.today(facility)` is given its instant; `date.today()` is not.
        if name in _CLOCKS or (name == "today" and not call.args):
            yield text.offence(call.lineno, f"{name}() is another thing at every call")


def loose_structs(text: Text) -> Iterator[Offence]:
    """msgspec does not inherit `kw_only`, and mypy wants `frozen` said again: both, every time."""
    if not _is_pure(text):
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
        count = len(value.strip().splitlines())
        if count > SQL_LINES_MAX:
            yield text.offence(constant.lineno, f"{count} lines of SQL: put them into a .sql file")


NAMING_TABLES: Final = {
    "tests/postgres/test_guards.py": "tries every table in turn, and a table's name is no value",
    "tests/postgres/test_row_level_security.py": "tries every table in turn, new ones too",
    "tests/postgres/test_row_level_security_of_views.py": "tries every view in turn, new ones too",
}


def formatted_sql(text: Text) -> Iterator[Offence]:
    """Values are parameters: SQL is never put together by formatting."""
    if not text.is_python or text.path in NAMING_TABLES:
        return
    sql = _SQL_OF_VALUES if text.path.startswith(_TRYING) else _SQL
    for joined in text.nodes(ast.JoinedStr):
        if _is(sql, joined.values[0]):
            yield text.offence(joined.lineno, "SQL in an f-string")
    for call in text.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and _is(sql, call.func.value):
            yield text.offence(call.lineno, f"SQL by {call.func.attr}()")
    for operation in text.nodes(ast.BinOp):
        if _is(sql, operation.left):
            yield text.offence(operation.lineno, "SQL by an operator")


def _is(sql: re.Pattern[str], node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(sql.match(str(node.value)))


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
    """A test waits for a condition within a deadline, never for a time."""
    if text.package != "tests" or not text.is_python or text.path in SLEEPING:
        return
    waiting = {id(call) for call in _calls_in_waiting_loops(text)}
    for call in text.nodes(ast.Call):
        zero = [ast.unparse(argument) for argument in call.args] == ["0"]
        sleeping = _called(call) in ("time.sleep", "asyncio.sleep", "sleep") and not zero
        if sleeping and id(call) not in waiting:
            yield text.offence(call.lineno, "a test sleeps: wait for a condition with a deadline")


def _calls_in_waiting_loops(text: Text) -> Iterator[ast.Call]:
    """The calls of every `while` under an `asyncio.timeout`."""
    for block in text.nodes(ast.AsyncWith):
        managers = [item.context_expr for item in block.items]
        if any(isinstance(each, ast.Call) and "timeout" in _called(each) for each in managers):
            for loop in (node for node in ast.walk(block) if isinstance(node, ast.While)):
                yield from (node for node in ast.walk(loop) if isinstance(node, ast.Call))


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
