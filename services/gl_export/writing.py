"""Entries as CSV (RFC 4180, by a layout) and as JSON: the same entries give the same bytes.

A text cell that a spreadsheet could take for a formula gets an apostrophe in front of it.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple, Protocol

import msgspec

from contracts.ledger import GL_NAMES, GlAccount
from contracts.money import format_minor
from services.gl_export.layout import Column, Field, Layout

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_LINE_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}
_NAMES: Final = {account.value: GL_NAMES[account] for account in GlAccount}
_encode: Final = msgspec.json.Encoder().encode


class Entry(NamedTuple):
    """A ledger entry as it is read, the columns of entries.sql."""

    position: int
    line: int
    transaction_id: str
    type: str
    booked_on: date
    effective_on: date
    recorded_at: datetime
    facility: str
    account_id: str
    gl_account: str
    currency: str
    amount_minor: int


Cell = Callable[[Entry], str]


class Writer(Protocol):
    """Turns entries into the bytes of a file: `begin`, `entries` as often as wanted, `end`."""

    def begin(self) -> bytes:
        """What stands before the entries."""

    def entries(self, entries: Sequence[Entry]) -> bytes:
        """The next entries; raises AccountUnmapped and UnicodeEncodeError."""

    def end(self) -> bytes:
        """What stands behind them."""


class CsvWriter:
    """CSV by a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        # The byte order mark of utf-8-sig stands once, before everything.
        self._encoding = layout.encoding.removesuffix("-sig")
        self._mark = b"\xef\xbb\xbf" if layout.encoding.endswith("-sig") else b""
        self._line_end = _LINE_ENDS[layout.line_end]
        self._quoted = re.compile(rf'["\r\n{re.escape(layout.separator)}]|^ | $')
        self._known: dict[str, str] = {}
        self._cells = [self._cell(column) for column in layout.columns]

    def begin(self) -> bytes:
        """The byte order mark and the headings, where the layout has them."""
        if not self._layout.header:
            return self._mark
        headings = [self._text(column.heading) for column in self._layout.columns]
        line = self._layout.separator.join(headings) + self._line_end
        return self._mark + line.encode(self._encoding)

    def entries(self, entries: Sequence[Entry]) -> bytes:
        """A line each; raises AccountUnmapped and UnicodeEncodeError."""
        cells, join, end = self._cells, self._layout.separator.join, self._line_end
        lines = [join([cell(entry) for cell in cells]) + end for entry in entries]
        return "".join(lines).encode(self._encoding)

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def _cell(self, column: Column) -> Cell:
        if column.field is None:
            constant = self._text(column.text or "")
            return lambda entry: constant
        return self._of_field(column.field)

    def _of_field(self, field: Field) -> Cell:
        text, day = self._kept, self._day()
        cells: dict[Field, Cell] = {
            Field.POSITION: lambda entry: str(entry.position),
            Field.LINE: lambda entry: str(entry.line),
            Field.TRANSACTION_ID: lambda entry: self._text(entry.transaction_id),
            Field.TYPE: lambda entry: text(entry.type),
            Field.BOOKED_ON: lambda entry: day(entry.booked_on),
            Field.EFFECTIVE_ON: lambda entry: day(entry.effective_on),
            Field.RECORDED_AT: lambda entry: instant(entry.recorded_at),
            Field.FACILITY: lambda entry: text(entry.facility),
            Field.ACCOUNT_ID: lambda entry: self._text(entry.account_id),
            Field.GL_ACCOUNT: lambda entry: self._account(entry.gl_account),
            Field.GL_ACCOUNT_NAME: lambda entry: text(_NAMES[entry.gl_account]),
            Field.CURRENCY: lambda entry: text(entry.currency),
        }
        return cells.get(field) or self._amount(field)

    def _amount(self, field: Field) -> Cell:
        decimal = self._decimal
        sign = -1 if self._layout.credit_positive else 1
        debit, credit = self._text(self._layout.side_debit), self._text(self._layout.side_credit)
        cells: dict[Field, Cell] = {
            Field.DEBIT: lambda entry: decimal(entry, 1) if entry.amount_minor >= 0 else "",
            Field.CREDIT: lambda entry: decimal(entry, -1) if entry.amount_minor < 0 else "",
            Field.AMOUNT: lambda entry: decimal(entry, sign),
            Field.AMOUNT_ABSOLUTE: lambda entry: decimal(entry, _sign(entry)),
            Field.AMOUNT_MINOR: lambda entry: str(entry.amount_minor),
            Field.SIDE: lambda entry: debit if entry.amount_minor >= 0 else credit,
        }
        return cells[field]

    def _decimal(self, entry: Entry, sign: int) -> str:
        amount = format_minor(sign * entry.amount_minor, entry.currency)
        mark = self._layout.decimal_mark
        return amount if mark == "." else amount.replace(".", mark)

    def _day(self) -> Callable[[date], str]:
        form = self._layout.date_format
        known: dict[date, str] = {}
        strftime = form.replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d")

        def day(value: date) -> str:
            found = known.get(value)
            if found is None:
                found = known[value] = self._text(value.strftime(strftime))
            return found

        return day

    def _account(self, gl_account: str) -> str:
        found = self._known.get(f"account {gl_account}")
        if found is None:
            found = self._text(self._layout.number_of(GlAccount(gl_account)))
            self._known[f"account {gl_account}"] = found
        return found

    def _kept(self, text: str) -> str:
        """A text that many entries share."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._text(text)
        return found

    def _text(self, text: str) -> str:
        if text.startswith(_FORMULA):
            text = f"'{text}"
        return '"' + text.replace('"', '""') + '"' if self._quoted.search(text) else text


def _sign(entry: Entry) -> int:
    return -1 if entry.amount_minor < 0 else 1


class JsonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in a JSON export."""

    position: int
    line: int
    transaction_id: str
    type: str
    booked_on: date
    effective_on: date
    recorded_at: str
    facility: str
    account_id: str
    gl_account: str
    gl_account_name: str
    currency: str
    debit: str | None
    credit: str | None
    amount_minor: int


class JsonWriter:
    """One JSON array with an entry a line, so that it can be read whole and line by line."""

    def __init__(self) -> None:
        self._is_first = True

    def begin(self) -> bytes:
        """The opening of the array."""
        return b"["

    def entries(self, entries: Sequence[Entry]) -> bytes:
        """An entry a line."""
        lines = b",\n".join([_encode(_json(entry)) for entry in entries])
        before = b"\n" if self._is_first else b",\n"
        if entries:
            self._is_first = False
        return before + lines if entries else b""

    def end(self) -> bytes:
        """The end of the array."""
        return b"\n]\n"


def _json(entry: Entry) -> JsonEntry:
    amount = format_minor(abs(entry.amount_minor), entry.currency)
    is_debit = entry.amount_minor >= 0
    return JsonEntry(
        position=entry.position,
        line=entry.line,
        transaction_id=entry.transaction_id,
        type=entry.type,
        booked_on=entry.booked_on,
        effective_on=entry.effective_on,
        recorded_at=instant(entry.recorded_at),
        facility=entry.facility,
        account_id=entry.account_id,
        gl_account=entry.gl_account,
        gl_account_name=_NAMES[entry.gl_account],
        currency=entry.currency,
        debit=amount if is_debit else None,
        credit=None if is_debit else amount,
        amount_minor=entry.amount_minor,
    )


def instant(at: datetime) -> str:
    """An instant in UTC, to the microsecond, always in the same form."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
