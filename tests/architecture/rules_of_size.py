"""How long files, functions, lines and module docstrings may be; what is longer is split."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.architecture.tree import Offence, Text

FILE_LINES_MAX: Final = 400
FILE_LINES_LISTED: Final = 250
FUNCTION_LINES_MAX: Final = 50
LINE_LENGTH_MAX: Final = 100
MARKDOWN_LINE_LENGTH_MAX: Final = 120
README_LINES_MAX: Final = 120
SENTENCES_MAX: Final = 3

# Files over the soft limit, or folders of such, each with what keeps it whole.
LONG: Final = {
    "contracts/cloudevent.py": "one envelope, read and written, in both of its modes",
    "domain/charge.py": "capture and reversal are one aggregate, in every one's order",
    "domain/invoice.py": "draft, issue and settlement are one aggregate, in every one's order",
    "domain/refund.py": "five commands on one aggregate, and every refusal of each",
    "contracts/views.py": "every row that queries answer, in one place for their readers",
    "contracts/inbound.py": "every message that others send, in one place for them to read",
    "pyproject.toml": "a line for the version of every dependency",
    "deploy/runbook.md": "whoever is called at night searches one page",
    "services/api/monthly_bills.py": "one surface of bills, every call of it",
    "services/api/period_bills.py": "one surface of bills, every call of it",
    "services/ports.py": "all that is asked of other systems, for whoever writes an adapter",
    "services/sagas/table.py": "the literal table, and what makes the input of each of its sagas",
    "services/sagas/worker.py": "every worker of the process, one beside the other",
    "services/sagas/workflow_run.py": "a run from its request to its end, as one story",
    "services/wiring.py": "the composition root is one module, which alone imports adapters",
    "relay/publisher.py": "the life of a batch, from the log to its acknowledgement",
    "projections/invoices.py": "every event that changes an invoice, in one place",
    "services/bench/__main__.py": "every part of the benchmark, a function each",
    "tests/": "the cases of one subject stand together",
}

# What is only ever added to, and the one file that auditors copy to their machine.
UNBOUNDED: Final = ("ARCHITECTURE.md", "CHANGELOG.md", "services/audit/checker.py")

# A stop that a capital or nothing follows: "e.g. this" is no end.
_SENTENCE_END: Final = re.compile(r"[.!?][)\"'`]*(?=\s+[A-Z`]|\s*$)")


def file_length(text: Text) -> Iterator[Offence]:
    """400 lines at most, over 250 only with a reason."""
    count = len(text.lines)
    if text.path in UNBOUNDED:
        return
    if count > FILE_LINES_MAX:
        yield text.offence(count, f"{count} lines, {FILE_LINES_MAX} at most")
    elif count > FILE_LINES_LISTED and not text.path.startswith(tuple(LONG)):
        yield text.offence(count, f"{count} lines: split it, or list it in LONG with a reason")


def function_length(text: Text) -> Iterator[Offence]:
    """50 lines at most, signature and docstring included."""
    if not text.is_python:
        return
    for function in text.functions():
        count = (function.end_lineno or 0) - function.lineno + 1
        if count > FUNCTION_LINES_MAX:
            wrong = f"{function.name} has {count} lines, {FUNCTION_LINES_MAX} at most"
            yield text.offence(function.lineno, wrong)


def line_length(text: Text) -> Iterator[Offence]:
    """100 characters, 120 in Markdown; ruff measures Python."""
    if text.is_python:
        return
    longest = MARKDOWN_LINE_LENGTH_MAX if text.path.endswith(".md") else LINE_LENGTH_MAX
    for number, line in enumerate(text.lines, 1):
        if len(line) > longest:
            yield text.offence(number, f"{len(line)} characters, {longest} at most")


def module_docstring(text: Text) -> Iterator[Offence]:
    """One to three sentences that end in a full stop."""
    if not text.is_python:
        return
    docstring = ast.get_docstring(text.tree)
    if docstring is None:
        yield text.offence(1, "no module docstring")
        return
    count = len(_SENTENCE_END.findall(docstring))
    if not 1 <= count <= SENTENCES_MAX:
        yield text.offence(1, f"a module docstring of {count} sentences, 1 to {SENTENCES_MAX}")


def readme_length(text: Text) -> Iterator[Offence]:
    """A README of a package is read to its end."""
    count = len(text.lines)
    if text.path.endswith("/README.md") and count > README_LINES_MAX:
        yield text.offence(count, f"{count} lines, {README_LINES_MAX} at most")


RULES: Final = (file_length, function_length, line_length, module_docstring, readme_length)
