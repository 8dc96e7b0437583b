"""How long a document takes, from what was read to its bytes: a statement of 200 lines."""

import statistics
import time
from datetime import date, timedelta
from typing import Final

from contracts.ids import AccountId, EventId
from contracts.money import Money
from contracts.statement_views import AccountStatement, StatementAgeing, StatementLine
from services.documents.rendering import Render, render_statement
from services.documents.sender import Sender
from services.documents.statement import StatementDocument
from services.documents.style import choose_style
from services.documents.words import LANGUAGES

LINES: Final = 200
_ROUNDS: Final = 9
_FIRST_ON: Final = date(2026, 1, 1)
_CURRENCY: Final = "AFN"


async def bench_documents(render: Render) -> dict[str, float]:
    """Milliseconds of a statement of 200 lines by language, the median of nine different ones."""
    return {language: await _median_ms(render, language) for language in LANGUAGES}


async def _median_ms(render: Render, language: str) -> float:
    style = choose_style([language], "solar_hijri").style
    taken = []
    for number in range(_ROUNDS + 1):
        # Each is another one: what has been set before would be remembered.
        document = _statement(number * 1_000 + 1, language)
        begun = time.perf_counter()
        await render_statement(render, document, style)
        taken.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(taken[1:])


def _statement(seed: int, language: str) -> StatementDocument:
    amounts = [(seed + 37 * at) % 90_000 + 1 for at in range(LINES)]
    nothing, total = _money(0), _money(sum(amounts))
    found = AccountStatement(
        account_id=AccountId("acc_01h455vb4pex5vsknk084sn02q"),
        patient_id=f"p-{seed}",
        name=None,
        facility="north",
        currency=_CURRENCY,
        language=language,
        first_on=_FIRST_ON,
        last_on=_FIRST_ON + timedelta(days=300),
        opening=nothing,
        charged=total,
        credited=nothing,
        closing=total,
        due_on=_FIRST_ON + timedelta(days=330),
        lines=tuple(_line(at, amounts, seed) for at in range(LINES)),
        ageing=StatementAgeing(
            current=total,
            days_1_30=nothing,
            days_31_60=nothing,
            days_61_90=nothing,
            days_over_90=nothing,
            credit=nothing,
        ),
        version=1,
        position=1,
    )
    return StatementDocument(statement=found, name="Ana Lima", sender=Sender(name="North"))


def _line(at: int, amounts: list[int], seed: int) -> StatementLine:
    on = _FIRST_ON + timedelta(days=at)
    return StatementLine(
        position=at + 1,
        transaction_id=EventId(f"chg_{at}-1"),
        type="billing.charge.captured.v1",
        booked_on=on,
        effective_on=on - timedelta(days=at % 4 == 0),
        code=f"C{(seed + at) % 997}",
        quantity=at % 3 + 1,
        amount=_money(amounts[at]),
        balance=_money(sum(amounts[: at + 1])),
    )


def _money(minor: int) -> Money:
    return Money.of(minor, _CURRENCY)
