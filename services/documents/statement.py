"""A statement on paper: what was owed, what happened, what is owed now and since when."""

import msgspec

from contracts.statement_views import AccountStatement, StatementLine
from services.documents.columns import table
from services.documents.paper import Bucket, Closing, Column, Fact, Paper, Slip, Table
from services.documents.sender import Sender, letterhead
from services.documents.slip import code_text, payment_slip
from services.documents.style import Style
from services.documents.texts import clean


class StatementDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement on paper is made of; `name` is open, and None where nothing opens it."""

    statement: AccountStatement
    name: str | None
    sender: Sender


def statement_paper(document: StatementDocument, style: Style) -> Paper:
    """The statement in the words, digits and dates of a language."""
    words, statement = style.words, document.statement
    due = _due(statement, style)
    return Paper(
        language=style.locale.language,
        region=style.locale.territory,
        direction=style.direction,
        digits=style.digits,
        page_of=style.page_of(),
        title=words.statement,
        subject=style.figure(statement.account_id),
        author=clean(document.sender.name),
        letterhead=letterhead(document.sender, style),
        addressee_label=words.account_holder,
        addressee=(
            style.foreign(document.name) if document.name else words.account_holder,
            f"{words.patient} {style.foreign(statement.patient_id)}",
        ),
        facts=_facts(statement, style),
        due=due,
        due_note=_due_note(statement, style),
        ageing_title=words.ageing,
        ageing=_ageing(statement, style),
        tables=(_table(statement, style),),
        slip=_slip(document, style, due),
    )


def _facts(statement: AccountStatement, style: Style) -> tuple[Fact, ...]:
    words = style.words
    period = words.period_between.format(
        first=style.short_day(statement.first_on), last=style.short_day(statement.last_on)
    )
    return (
        Fact(label=words.account, value=style.figure(statement.account_id)),
        Fact(label=words.period, value=period),
        Fact(label=words.statement_on, value=style.day(statement.last_on)),
        Fact(label=words.currency, value=style.currency(statement.currency)),
    )


def _due(statement: AccountStatement, style: Style) -> Fact:
    owed_minor = statement.closing.minor
    label = style.words.amount_due if owed_minor >= 0 else style.words.credit_balance
    return Fact(label=label, value=style.money(abs(owed_minor), statement.currency))


def _due_note(statement: AccountStatement, style: Style) -> str:
    if statement.closing.minor <= 0:
        return style.words.nothing_due
    if statement.due_on is None:
        return style.words.current
    if statement.due_on < statement.last_on:
        return style.words.past_due
    return style.words.please_pay_by.format(day=style.day(statement.due_on))


def _ageing(statement: AccountStatement, style: Style) -> tuple[Bucket, ...]:
    words, ageing = style.words, statement.ageing
    parts = (
        (words.current, ageing.current.minor, False),
        (words.days_1_30, ageing.days_1_30.minor, True),
        (words.days_31_60, ageing.days_31_60.minor, True),
        (words.days_61_90, ageing.days_61_90.minor, True),
        (words.days_over_90, ageing.days_over_90.minor, True),
        (words.unapplied_credit, -ageing.credit.minor, False),
    )
    return tuple(
        Bucket(
            label=style.local(label),
            amount=style.amount(minor, statement.currency),
            is_overdue=is_overdue and minor > 0,
            is_empty=minor == 0,
        )
        for label, minor, is_overdue in parts
    )


def _table(statement: AccountStatement, style: Style) -> Table:
    words, currency = style.words, statement.currency
    first = style.short_day(statement.first_on)
    opening = (
        first,
        words.opening_balance,
        "",
        "",
        style.amount(statement.opening.minor, currency),
    )
    columns = (
        Column(label=words.date, kind="date"),
        Column(label=words.description, kind="text"),
        Column(label=words.charges, kind="number"),
        Column(label=words.credits, kind="number"),
        Column(label=words.balance, kind="number"),
    )
    return table(
        columns,
        [opening, *(_row(line, style) for line in statement.lines)],
        _closing(statement, style),
    )


def _closing(statement: AccountStatement, style: Style) -> tuple[Closing, ...]:
    words, currency = style.words, statement.currency
    turnover = (statement.charged.minor, statement.credited.minor)
    return (
        Closing(
            label=words.turnover,
            amounts=(*(style.amount(minor, currency) for minor in turnover), ""),
        ),
        Closing(
            label=words.closing_balance,
            amounts=(style.amount(statement.closing.minor, currency),),
            is_strong=True,
        ),
    )


def _row(line: StatementLine, style: Style) -> tuple[str, ...]:
    minor, currency = line.amount.minor, line.amount.currency
    amount = style.amount(abs(minor), currency)
    return (
        style.short_day(line.booked_on),
        _description(line, style),
        amount if minor >= 0 else "",
        amount if minor < 0 else "",
        style.amount(line.balance.minor, currency),
    )


def _description(line: StatementLine, style: Style) -> str:
    words = style.words
    parts = [words.entry(line.type)]
    if line.code is not None:
        quantity = line.quantity or 1
        times = f" × {style.count(quantity)}" if quantity > 1 else ""
        parts.append(style.foreign(line.code) + times)
    if line.method is not None:
        parts.append(words.method(line.method))
    if line.reason is not None:
        parts.append(words.reason(line.reason))
    if line.reference is not None:
        parts.append(style.foreign(line.reference))
    served = "" if line.effective_on == line.booked_on else style.short_day(line.effective_on)
    return " · ".join(parts) + (f" ({served})" if served else "")


def _slip(document: StatementDocument, style: Style, due: Fact) -> Slip | None:
    statement = document.statement
    owed, reference = statement.closing, statement.account_id
    if owed.minor <= 0:
        return None
    return payment_slip(
        document.sender,
        style,
        reference=reference,
        due=due,
        due_on=statement.due_on,
        facts=(Fact(label=style.words.statement_on, value=style.day(statement.last_on)),),
        code=code_text(reference, owed.amount, owed.currency, statement.due_on),
    )
