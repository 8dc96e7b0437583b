"""Tables are cut into pages by heights that are known before: pages come out as reckoned."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typst

from services.adapters.pdf import fonts
from services.documents.columns import ems_of, table
from services.documents.invoice import invoice_paper
from services.documents.paper import Column
from services.documents.statement import statement_paper
from services.documents.style import choose_style
from services.documents.texts import clean
from services.documents.words import LANGUAGES, words_of
from tests.fixtures.papers import invoice, statement
from tests.fixtures.pdf_text import letters, pages
from tests.fixtures.rendering import set_here

LONG = "99213 " + "a modifier of many words " * 8
WIDE = "W" * 120
_MEASURE = """
#set text(font: ("Noto Sans Arabic", "Noto Sans"), size: 100pt)
#context [#metadata(json(bytes(sys.inputs.texts)).map(it =>
  calc.max(
    measure(text(font: "Noto Sans", it)).width.pt(),
    measure(text(font: "Noto Sans Arabic", it)).width.pt(),
  )
)) <widths>]
"""


def style(language: str) -> Any:
    return choose_style([language]).style


def numbered(said: list[str]) -> list[bool]:
    """Whether each page says which one of how many it is."""
    return [f"Page {page} of {len(said)}" in text for page, text in enumerate(said, 1)]


@pytest.mark.parametrize("lines", [*range(19, 25), 72])
def test_every_invoice_has_as_many_pages_as_it_says_and_the_slip_on_the_last(lines: int) -> None:
    said = pages(set_here(invoice_paper(invoice(lines), style("en"))))
    assert all(numbered(said))
    assert ["Payment slip" in text for text in said] == [False] * (len(said) - 1) + [True]
    assert sum(text.count("125.00 5.00 130.00") for text in said) == lines
    (closing,) = (text for text in said if "Total before tax" in text)
    assert closing.count("125.00 5.00 130.00") >= 2
    (settled,) = (text for text in said if "Payments and adjustments" in text)
    assert "Payment · cash" in settled


@pytest.mark.parametrize("code", [LONG, WIDE])
def test_rows_of_several_lines_are_as_high_as_their_words(code: str) -> None:
    said = pages(set_here(invoice_paper(invoice(30, code=code), style("en"))))
    assert all(numbered(said))
    assert len(said) > 2
    assert sum(text.count("125.00 5.00 130.00") for text in said) == 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_every_language_are_as_many_as_were_reckoned(language: str) -> None:
    for lines in (0, 35):
        paper = statement_paper(statement(lines, language=language), style(language))
        said = pages(set_here(paper))
        title = letters(words_of(language).slip)
        assert [title <= letters(text) for text in said][-1]
        count = "".join(paper.digits[int(digit)] for digit in str(len(said)))
        # Page n of n: nothing else on it is a number by itself that is so small.
        assert len(re.findall(rf"(?<![^\s]){count}(?![^\s])", said[-1])) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_is_wider_than_its_bound(language: str, tmp_path: Path) -> None:
    words = words_of(language)
    texts = [*words.entries.values(), *words.methods.values(), *words.reasons.values()]
    texts += [*filter(lambda it: ems_of(it) < 10, map(chr, range(0x20, 0x700)))]
    texts += [style(language).foreign("WMm@%&Q"), clean(LONG), "fi fl ffi AVATAR 0123456789"]
    texts += ["شش", "صصصصص", "ښښض", "لالالا"]
    (tmp_path / "widths.typ").write_text(_MEASURE)
    compiler = typst.Compiler(
        tmp_path / "widths.typ", root=tmp_path, font_paths=fonts(), ignore_system_fonts=True
    )
    compiler.compile(format="pdf", sys_inputs={"texts": json.dumps(texts)})
    found = json.loads(compiler.query("<widths>", field="value", one=True))
    for text, width in zip(texts, found, strict=True):
        assert width / 100 <= ems_of(text) + 0.01, text


def test_what_is_looked_at_of_a_column_of_days_is_every_month_once() -> None:
    columns = [Column(label="", kind="date"), Column(label="", kind="text")]
    days = ("Jan 1, 2026", "Jan 12, 2026", "Feb 2, 2026", "Feb 22, 2026", "Jan 31, 2026")
    found = table(columns, [(day, "") for day in days])
    assert found.columns[0].widest == ("Feb 22, 2026", "Jan 31, 2026")
