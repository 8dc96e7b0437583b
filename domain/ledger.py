"""Postings: double entry, balanced by construction; zero lines are left out."""

from collections.abc import Iterable

from contracts.ledger import GlAccount, Posting, sum_on
from contracts.money import format_minor, sum_minor_max
from domain.rejections import Invalid
from domain.write_side import AccountHead


def transaction(*lines: tuple[GlAccount, int]) -> tuple[Posting, ...]:
    """The postings of one event in one currency; raises ValueError when they do not sum to zero."""
    if sum(amount_minor for _, amount_minor in lines):
        raise ValueError(f"postings do not sum to zero: {lines}")
    return tuple(
        Posting(gl_account=gl_account, amount_minor=amount_minor)
        for gl_account, amount_minor in lines
        if amount_minor
    )


def charge(net_minor: int, tax_minor: int) -> tuple[Posting, ...]:
    """A charge: receivable against revenue and tax payable."""
    return transaction(
        (GlAccount.RECEIVABLE, net_minor + tax_minor),
        (GlAccount.REVENUE, -net_minor),
        (GlAccount.TAX_PAYABLE, -tax_minor),
    )


def reversal(net_minor: int, tax_minor: int) -> tuple[Posting, ...]:
    """The exact mirror of a charge."""
    return charge(-net_minor, -tax_minor)


def tax_true_up(more_minor: int) -> tuple[Posting, ...]:
    """The tax that an invoice has more than its charges had (less, when negative)."""
    return transaction((GlAccount.RECEIVABLE, more_minor), (GlAccount.TAX_PAYABLE, -more_minor))


def fees(total_minor: int) -> tuple[Posting, ...]:
    """A bill: receivable against fee revenue."""
    return transaction((GlAccount.RECEIVABLE, total_minor), (GlAccount.FEE_REVENUE, -total_minor))


def payment(
    received_in: GlAccount, allocated_minor: int, credited_minor: int
) -> tuple[Posting, ...]:
    """A payment: money against the receivable it settles and the customer's credit."""
    return transaction(
        (received_in, allocated_minor + credited_minor),
        (GlAccount.RECEIVABLE, -allocated_minor),
        (GlAccount.CUSTOMER_CREDIT, -credited_minor),
    )


def adjustment(against: GlAccount, credit_minor: int) -> tuple[Posting, ...]:
    """An adjustment that lowers the receivable by credit_minor (raises it when negative)."""
    return transaction((against, credit_minor), (GlAccount.RECEIVABLE, -credit_minor))


def credit_used(amount_minor: int) -> tuple[Posting, ...]:
    """A customer's credit settles receivables."""
    return transaction(
        (GlAccount.CUSTOMER_CREDIT, amount_minor), (GlAccount.RECEIVABLE, -amount_minor)
    )


def refund(paid_from: GlAccount, credit_minor: int, receivable_minor: int) -> tuple[Posting, ...]:
    """Money given back: the customer's credit, then what the customer owes again."""
    return transaction(
        (GlAccount.CUSTOMER_CREDIT, credit_minor),
        (GlAccount.RECEIVABLE, receivable_minor),
        (paid_from, -credit_minor - receivable_minor),
    )


def mirrored(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The same lines with the other sign: what takes a transaction back exactly."""
    return tuple(
        Posting(gl_account=posting.gl_account, amount_minor=-posting.amount_minor)
        for posting in postings
    )


def on_receivable(postings: Iterable[Posting]) -> int:
    """What a transaction adds to what the customer owes."""
    return sum_on(GlAccount.RECEIVABLE, postings)


def within_balance(account: AccountHead, postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    """The postings, if the account's receivable and credit stay within bounds; raises Invalid.

    What brings them nearer to zero is always taken."""
    before = (account.receivable_minor, account.credit_minor)
    added = (sum_on(GlAccount.RECEIVABLE, postings), -sum_on(GlAccount.CUSTOMER_CREDIT, postings))
    most_minor = sum_minor_max(account.currency)
    if any(
        abs(was + new) > max(most_minor, abs(was)) for was, new in zip(before, added, strict=True)
    ):
        most = format_minor(most_minor, account.currency)
        raise Invalid(
            f"the balance of account {account.account_id} would exceed {most} {account.currency}"
        )
    return postings
