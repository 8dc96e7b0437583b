"""Tables for people: ids and money are whole on any terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from services.tables import Sheet, console

REJECTION_ID = "rej_05gfw2mw8hvvzkq8n6prt2xk4f"
AMOUNT = "154,024,118.75 GEL"
DETAIL = "$.services[0].quantity: Expected `int`, got `str` - [red] write a number, 1 to 9999"
NAME = "Ketevan Maisuradze-Chkheidze of the house by the river"


def sheet() -> Sheet:
    made = Sheet(
        *("id", "name", "code", "amount", "what is wrong"),
        title="Rejected",
        folds=("name", "what is wrong"),
        right=("amount",),
    )
    made.add(REJECTION_ID, NAME, "VALIDATION_FAILED", AMOUNT, DETAIL)
    made.add(REJECTION_ID.upper(), "Zura", "NOT_FOUND", "1.00 GEL", "one\nanother")
    return made


def on_terminal(width: int, shown: Sheet) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(shown)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_a_terminal_shows_ids_and_money_whole_whatever_its_width(width: int) -> None:
    lines = on_terminal(width, sheet())
    assert all(len(line) <= width for line in lines)
    for whole in (REJECTION_ID, REJECTION_ID.upper(), "VALIDATION_FAILED", AMOUNT):
        assert any(whole in line for line in lines), "\n".join(lines)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_what_folds_loses_nothing(width: int) -> None:
    folded = Sheet("name", "id", folds=("name",))
    folded.add(DETAIL, REJECTION_ID)
    shown = " ".join(line.replace(REJECTION_ID, "") for line in on_terminal(width, folded))
    assert DETAIL.replace(" ", "") in shown.replace(" ", "")


def test_where_nobody_reads_a_row_is_one_line_with_everything() -> None:
    file = io.StringIO()
    console(file).print(sheet())
    title, header, first, second = file.getvalue().splitlines()
    assert (title, header.split()[0]) == ("Rejected", "id")
    for whole in (REJECTION_ID, NAME, "VALIDATION_FAILED", AMOUNT, DETAIL):
        assert whole in first
    assert second.endswith("1.00 GEL  one; another")


def test_a_long_line_of_text_is_not_broken_where_nobody_reads() -> None:
    file = io.StringIO()
    console(file).print("[word] " * 100)
    assert file.getvalue().splitlines() == ["[word] " * 100]
