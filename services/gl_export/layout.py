"""Layouts of a CSV export: which columns, in which form, under which account numbers.

A tenant's layout is TOML, so that the people of its ERP system can read and write it.
"""

import codecs
import hashlib
import tomllib
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contracts.ledger import GlAccount
from contracts.wording import split_path

COLUMNS_MAX: Final = 64
CONTENT_BYTES_MAX: Final = 64 * 1024


class Field(StrEnum):
    """What of an entry a column shows."""

    POSITION = "position"
    LINE = "line"
    TRANSACTION_ID = "transaction_id"
    TYPE = "type"
    BOOKED_ON = "booked_on"
    EFFECTIVE_ON = "effective_on"
    RECORDED_AT = "recorded_at"
    FACILITY = "facility"
    ACCOUNT_ID = "account_id"
    GL_ACCOUNT = "gl_account"
    GL_ACCOUNT_NAME = "gl_account_name"
    CURRENCY = "currency"
    DEBIT = "debit"
    """The amount where it is a debit, else empty."""
    CREDIT = "credit"
    AMOUNT = "amount"
    """Signed: debit positive, unless the layout says otherwise."""
    AMOUNT_ABSOLUTE = "amount_absolute"
    """Without its sign, which `side` tells."""
    AMOUNT_MINOR = "amount_minor"
    """Signed and in minor units, debit positive whatever the layout says."""
    SIDE = "side"


_SHOW_AMOUNTS: Final = (
    {Field.AMOUNT},
    {Field.AMOUNT_MINOR},
    {Field.DEBIT, Field.CREDIT},
    {Field.AMOUNT_ABSOLUTE, Field.SIDE},
)
_Text = Annotated[str, Meta(max_length=256, pattern=r"^(?![\s\S]*[\x00-\x1f\x7f])")]


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field of the entry, or a text that is the same in every row, under its heading."""

    field: Field | None = None
    text: _Text | None = None
    header: _Text | None = None

    def __post_init__(self) -> None:
        if (self.field is None) == (self.text is None):
            raise ValueError("Expected either `field` or `text`")

    @property
    def heading(self) -> str:
        """What stands above the column."""
        return self.field or "" if self.header is None else self.header


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a CSV file is written."""

    name: Annotated[_Text, Meta(min_length=1)]
    columns: Annotated[tuple[Column, ...], Meta(min_length=1, max_length=COLUMNS_MAX)]
    separator: Literal[",", ";", "\t", "|"] = ","
    decimal_mark: Literal[".", ","] = "."
    date_format: Literal[
        "YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "YYYYMMDD", "DDMMYYYY"
    ] = "YYYY-MM-DD"
    encoding: Literal["utf-8", "utf-8-sig", "windows-1252", "iso-8859-1"] = "utf-8"
    header: bool = True
    line_end: Literal["crlf", "lf"] = "crlf"
    credit_positive: bool = False
    side_debit: Annotated[_Text, Meta(min_length=1)] = "D"
    side_credit: Annotated[_Text, Meta(min_length=1)] = "C"
    accounts: dict[GlAccount, Annotated[_Text, Meta(min_length=1)]] = {}
    """Our accounts by theirs; without any, ours are taken as they are."""

    def __post_init__(self) -> None:
        if self.separator == self.decimal_mark:
            raise ValueError("Expected `separator` and `decimal_mark` to differ")
        if self.side_debit == self.side_credit:
            raise ValueError("Expected `side_debit` and `side_credit` to differ")
        if not any(shown <= self.fields for shown in _SHOW_AMOUNTS):
            raise ValueError(
                "Expected a column `amount` or `amount_minor`, or both of `debit` and `credit`,"
                " or both of `amount_absolute` and `side`"
            )
        for text in self._texts():
            try:
                codecs.encode(text, self.encoding)
            except UnicodeEncodeError:
                raise ValueError(f"Expected texts that {self.encoding} has, not {text!r}") from None

    @property
    def fields(self) -> set[Field]:
        """What of an entry is shown."""
        return {column.field for column in self.columns if column.field is not None}

    def _texts(self) -> list[str]:
        texts = [column.heading for column in self.columns]
        texts += [column.text or "" for column in self.columns]
        return [*texts, self.side_debit, self.side_credit, *self.accounts.values()]

    def number_of(self, gl_account: GlAccount) -> str:
        """The account of the other system; raises AccountUnmapped."""
        if not self.accounts:
            return gl_account.value
        number = self.accounts.get(gl_account)
        if number is None:
            raise AccountUnmapped(self, gl_account)
        return number


class LayoutInvalid(ValueError):
    """A layout that cannot be used; the text says where and what is allowed there."""


class AccountUnmapped(Exception):
    """The layout has no account for entries that are to be exported."""

    def __init__(self, layout: Layout, gl_account: GlAccount) -> None:
        lacking = ", ".join(each for each in GlAccount if each not in layout.accounts)
        super().__init__(
            f"the layout {layout.name!r} has no account for {gl_account} under [accounts]; it"
            f" lacks {lacking}: add what is booked on, set the layout and export again"
        )


PLAIN: Final = Layout(
    name="plain",
    columns=tuple(
        Column(field=field)
        for field in Field
        if field not in (Field.AMOUNT, Field.AMOUNT_ABSOLUTE, Field.SIDE)
    ),
)


def read_layout(content: bytes) -> Layout:
    """A layout from TOML; raises LayoutInvalid."""
    if len(content) > CONTENT_BYTES_MAX:
        raise LayoutInvalid(f"more than {CONTENT_BYTES_MAX} bytes are no layout")
    try:
        return msgspec.convert(tomllib.loads(content.decode()), Layout, str_keys=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise LayoutInvalid(f"no TOML: {wrong}") from None
    except msgspec.ValidationError as wrong:
        message, path = split_path(str(wrong))
        raise LayoutInvalid(f"{path}: {message}") from None


def encode_layout(layout: Layout) -> bytes:
    """The layout as it is stored: the same bytes for the same layout."""
    return msgspec.json.encode(layout, order="deterministic")


def decode_layout(content: bytes | str) -> Layout:
    """A stored layout."""
    return msgspec.json.decode(content, type=Layout)


def layout_id(layout: Layout) -> str:
    """The layout's SHA-256 in hex, by which an export names it."""
    return hashlib.sha256(encode_layout(layout)).hexdigest()
