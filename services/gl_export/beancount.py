"""Entries as a beancount file (https://beancount.github.io/docs/beancount_language_syntax.html).

What was booked before the period stands in one opening transaction; behind the period each account
is asserted to have the balance that our ledger gives, so that `bean-check` compares them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from contracts.ledger import GL_NAMES, GlAccount
from contracts.money import format_minor
from services.gl_export.writing import Entry

_ROOTS: Final = {"1": "Assets", "2": "Liabilities", "4": "Income", "6": "Expenses"}
"""By the first digit of an account's number."""
_LINE: Final = "  {account}  {amount} {currency}\n"


class Balance(NamedTuple):
    """Of a GL account in a currency; debit is positive."""

    gl_account: str
    currency: str
    amount_minor: int


def account_name(gl_account: GlAccount) -> str:
    """What an account of ours is called there, such as Assets:1100-Accounts-receivable."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", GL_NAMES[gl_account])
    return f"{_ROOTS[gl_account.value[0]]}:{gl_account.value}-{words}"


_ACCOUNTS: Final = {account.value: account_name(account) for account in GlAccount}


class BeancountWriter:
    """Transactions in the order of their entries, between the two sets of balances."""

    def __init__(
        self,
        tenant: str,
        first: date,
        last: date,
        opening: Sequence[Balance],
        closing: Sequence[Balance],
    ) -> None:
        self._tenant = tenant
        self._first = first
        self._last = last
        self._opening = opening
        self._closing = closing
        self._held: list[Entry] = []

    def begin(self) -> bytes:
        """The title, the accounts and what was booked before."""
        lines = [f'option "title" "Daybook, tenant {self._tenant}"\n\n']
        lines += [f"{self._first} open {name}\n" for name in _ACCOUNTS.values()]
        opening = [each for each in self._opening if each.amount_minor]
        if opening:
            lines.append(f'\n{self._first} * "Opening balances"\n')
            lines += [_posting(*each) for each in opening]
        return "".join(lines).encode()

    def entries(self, entries: Sequence[Entry]) -> bytes:
        """The next transactions; the last one of a part may go on in the next."""
        whole: list[str] = []
        for _, lines in groupby((*self._held, *entries), key=lambda entry: entry.position):
            self._held = list(lines)
            whole.append("".join(_transaction(self._held)))
        return "".join(whole[:-1]).encode()

    def end(self) -> bytes:
        """The last transaction, and the balances of the day after the period."""
        day = self._last + timedelta(days=1)
        lines: Iterable[str] = _transaction(self._held) if self._held else ()
        balances = (
            f"{day} balance {_ACCOUNTS[gl_account]}  {_amount(minor, currency)} {currency}\n"
            for gl_account, currency, minor in self._closing
        )
        return "".join((*lines, "\n", *balances)).encode()


def _transaction(entries: Sequence[Entry]) -> Iterator[str]:
    first = entries[0]
    yield f'\n{first.booked_on} * "{first.type}" ^{first.transaction_id}\n'
    yield f"  position: {first.position}\n"
    yield f"  effective: {first.effective_on}\n"
    for entry in entries:
        yield _posting(entry.gl_account, entry.currency, entry.amount_minor)
        yield f"    customer: {_text(entry.account_id)}\n"
        yield f"    facility: {_text(entry.facility)}\n"


def _posting(gl_account: str, currency: str, amount_minor: int) -> str:
    amount = _amount(amount_minor, currency)
    return _LINE.format(account=_ACCOUNTS[gl_account], amount=amount, currency=currency)


def _amount(amount_minor: int, currency: str) -> str:
    return format_minor(amount_minor, currency)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
