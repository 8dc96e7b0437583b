"""Invoices and statements on paper: what stands on the pages, in every language."""

import asyncio
from typing import Any

import msgspec
import psutil
import pytest

from contracts.ids import BillId
from contracts.money import Money
from contracts.views import InvoiceBill
from services.adapters.typesetting import Typesetters
from services.documents.invoice import invoice_paper
from services.documents.paper import Paper
from services.documents.rendering import (
    ROWS_MAX,
    PaperTooLong,
    RendererBusy,
    check_length,
    render_statement,
)
from services.documents.sender import Sender
from services.documents.statement import statement_paper
from services.documents.style import Style, choose_style, style_of
from services.documents.texts import clean
from services.documents.words import LANGUAGES, words_of
from tests.fixtures.papers import ACCOUNT, NAMES, invoice, sender, statement
from tests.fixtures.pdf_text import letters, missing_glyphs, page_count, pages, text
from tests.fixtures.rendering import render_in_thread, set_here


def style(tag: str, **changes: Any) -> Style:
    found = style_of(tag, **changes)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("language", "amounts", "page"),
    [
        ("en", ("125.00", "5.00", "130.00", "390.00", "−50.00", "AFN 330.00"), "Page 1 of 1"),
        ("ps", ("۱۲۵٫۰۰", "۱۳۰٫۰۰", "۳۹۰٫۰۰", "−۵۰٫۰۰", "۳۳۰٫۰۰"), "۱"),
        ("prs", ("۱۲۵٫۰۰", "۱۳۰٫۰۰", "۳۹۰٫۰۰", "−۵۰٫۰۰", "۳۳۰٫۰۰"), "۱"),
        ("ar", ("١٢٥٫٠٠", "١٣٠٫٠٠", "٣٩٠٫٠٠", "−٥٠٫٠٠", "٣٣٠٫٠٠"), "١"),
    ],
)
def test_an_invoice_says_everything_in_its_language(
    language: str, amounts: tuple[str, ...], page: str
) -> None:
    document = invoice(language=language)
    content = set_here(invoice_paper(document, style(language)))
    said = text(content)
    squeezed = said.replace(" ", "")  # sign, digits and separators may be of different fonts
    for expected in (*amounts, page, "99213", "north-2026-000042", ACCOUNT, "Azizi Bank, Kabul"):
        assert expected.replace(" ", "") in squeezed
    words = words_of(language)
    for label in (words.invoice, words.amount_due, words.slip, words.total, NAMES[language]):
        assert letters(label) <= letters(said), label
    assert missing_glyphs(content) == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_every_language_has_its_glyphs(language: Any) -> None:
    built = words_of(language)
    every = [value for value in msgspec.structs.astuple(built) if isinstance(value, str)]
    for table in (built.methods, built.reasons, built.entries):
        every += table.values()
    lines = tuple(" ".join(every[at : at + 8]) for at in range(0, len(every), 8))
    paper = invoice_paper(invoice(sender=Sender(name="x", address=lines)), style(language))
    content = set_here(paper)
    assert missing_glyphs(content) == 0
    assert letters("".join(every)) <= letters(text(content))


def test_every_language_names_the_same_things() -> None:
    english = words_of("en")
    for language in LANGUAGES:
        words = words_of(language)
        assert words.entries.keys() == english.entries.keys()
        assert words.methods.keys() == english.methods.keys()
        assert words.reasons.keys() == english.reasons.keys()
        assert all(place in words.page for place in ("{page}", "{pages}"))


def test_a_statement_carries_its_balance_to_the_total_on_numbered_pages() -> None:
    found = pages(set_here(statement_paper(statement(200), style("en"))))
    assert [f"Page {page} of {len(found)}" in said for page, said in enumerate(found, 1)] == (
        [True] * len(found)
    )
    assert len(found) > 3
    for said in found:
        assert "Date Description Charges Payments, credits Balance" in said
    for words in ("Opening balance 100.00", "1–30 days 20.00", "Credit −7.00", "230.00 Jan"):
        assert words in found[0]
    assert "Closing balance 26,100.00 Please tear off" in found[-1]
    assert "Payment slip" not in "".join(found[:-1])


@pytest.mark.parametrize("lines", range(24, 36))
def test_the_sums_never_stand_alone_on_a_page(lines: int) -> None:
    last = next(
        said
        for said in pages(set_here(statement_paper(statement(lines), style("en"))))
        if "Closing balance" in said
    )
    assert last.count("Service · 99213") >= 2
    assert "Total of the period" in last


async def _set_by(typesetters: Typesetters, *papers: Paper) -> list[bytes]:
    try:
        return [await typesetters.render(paper) for paper in papers]
    finally:
        await typesetters.close()


def test_the_same_paper_gives_the_same_bytes_from_processes_that_are_replaced_too() -> None:
    paper = invoice_paper(invoice(), style("ps"))
    made = asyncio.run(_set_by(Typesetters(papers_max=1), paper, paper))
    assert made == [set_here(paper)] * 2


HOSTILE = (
    "#panic()",
    "$x$",
    '] #read("/etc/passwd") [',
    "*bold* _it_ @ref <end> `raw` \\ // /* #{",
    '"}, "title": "mine',
    "#import sys: *",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_others_write_is_printed_and_never_run(hostile: str) -> None:
    document = invoice(
        code=hostile, name=hostile, sender=sender(name=hostile, payment_instructions=(hostile,))
    )
    said = text(set_here(invoice_paper(document, style("en"))))
    assert said.count(clean(hostile)) >= 6


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("a\u0000b\nc\td", "a b c d"),
        ("\ud800x", "x"),
        ("می\u200cرود", "می\u200cرود"),
        ("e" + "\u0301" * 60, "é" + "\u0301" * 2),
        ("x" * 26, "\u200b".join(("x" * 12, "x" * 12, "xx"))),
    ],
)
def test_a_text_has_no_power_over_the_text_around_it(written: str, printed: str) -> None:
    assert clean(written) == printed


def test_what_no_font_has_or_no_line_holds_is_set_all_the_same() -> None:
    for name in ("👩‍⚕️ 汉字", "W" * 512, "\u202e" + "ء" * 512, ""):
        document = invoice(name=name, sender=sender(name=name[:120]))
        for language in LANGUAGES:
            assert set_here(invoice_paper(document, style(language))).startswith(b"%PDF")
    assert len(clean("w " * 400)) <= 240


def test_two_thousand_lines_are_printed_and_too_many_refused() -> None:
    content = asyncio.run(render_statement(render_in_thread, statement(2_000), style("en")))
    count = page_count(content)
    assert count > 40
    last = text(content, first=count - 2)
    assert f"Page {count} of {count}" in last
    assert "Closing balance 260,100.00" in last
    with pytest.raises(PaperTooLong, match="more than one document holds"):
        check_length(ROWS_MAX + 1)


def test_more_documents_than_can_be_set_in_time_are_refused_for_now() -> None:
    paper = invoice_paper(invoice(), style("en"))
    for busy in (Typesetters(waiting_max=0), Typesetters(patience_seconds=0.0)):
        with pytest.raises(RendererBusy, match="try again"):
            asyncio.run(_set_by(busy, paper))


def test_a_process_that_is_killed_is_replaced() -> None:
    paper = invoice_paper(invoice(), style("en"))

    async def kill_between() -> bytes:
        typesetters = Typesetters(workers=1)
        await typesetters.render(paper)
        children = psutil.Process().children()  # a session's servers, too
        (child,) = (each for each in children if "pdf_child" in " ".join(each.cmdline()))
        child.kill()
        with pytest.raises(RendererBusy, match="ended"):
            await typesetters.render(paper)
        (again,) = await _set_by(typesetters, paper)
        return again

    assert asyncio.run(kill_between()).startswith(b"%PDF")


def test_a_draft_a_void_and_a_paid_invoice_ask_for_nothing() -> None:
    for status, mark in (("draft", "DRAFT"), ("paid", "PAID")):
        paper = invoice_paper(invoice(status=status), style("en"))
        assert paper.slip is None
        assert mark in (paper.mark, paper.stamp)
        assert mark in text(set_here(paper))


def test_tax_is_told_by_rate_and_in_one_line_where_a_charge_is_unknown() -> None:
    known = invoice_paper(invoice(), style("en")).tables[0].closing
    assert known[1].label == "Tax 4% on 375.00"
    unknown = invoice_paper(invoice(charges={}), style("en")).tables[0].closing
    assert (unknown[1].label, unknown[1].amounts) == ("Tax", ("15.00",))


def test_a_balance_in_the_customers_favour_is_not_to_be_paid() -> None:
    document = statement()
    found = msgspec.structs.replace(
        document.statement, closing=Money(amount="-5.00", currency="AFN")
    )
    paper = statement_paper(msgspec.structs.replace(document, statement=found), style("en"))
    assert (paper.due.label, paper.due.value) == ("In your favour", "AFN\u00a05.00")
    assert (paper.due_note, paper.slip) == ("Nothing to pay", None)


def test_an_unknown_language_falls_back_to_the_next_and_says_why() -> None:
    chosen = choose_style(["de", None, "xx-YY", "fa-AF"])
    assert chosen.style.tag == "prs-AF"
    assert chosen.reason is not None
    assert "de, xx-YY" in chosen.reason
    assert choose_style(["tlh"]).style.language == "en"
    assert choose_style(["en-US"]).reason is None


def test_the_invoice_of_a_bill_is_one_line_that_names_it_and_counts_its_items() -> None:
    name = "bill/cust-1/2025-09"
    bill = InvoiceBill(
        bill_id=BillId("bill_1"), name=name, item_count=50_000, total=Money.of(12_502_000, "USD")
    )
    document = invoice(lines=0, currency="USD")
    detail = msgspec.structs.replace(document.detail, bill=bill)
    style = choose_style(["en"]).style
    paper = invoice_paper(msgspec.structs.replace(document, detail=detail), style)
    (row,) = paper.tables[0].rows
    assert name in row[1]
    assert (row[2], row[-1]) == ("50,000", "125,020.00")
