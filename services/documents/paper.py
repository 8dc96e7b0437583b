"""A document as its template takes it: finished texts in one language, nothing left to decide."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal["date", "text", "number"]


class Letterhead(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends the document."""

    name: str
    lines: tuple[str, ...]
    contact: Annotated[tuple[str, ...], Meta(description="stands at the foot of every page")]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A label and what it says."""

    label: str
    value: str


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of the ageing strip."""

    label: str
    amount: str
    is_overdue: bool
    is_empty: bool


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the table; numbers end at the same edge, so that their decimals align."""

    label: str
    kind: Kind
    widest: Annotated[
        tuple[str, ...], Meta(description="of numbers and dates: texts to measure")
    ] = ()


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A line below the table: a sum, in the columns from the last backwards."""

    label: str
    amounts: tuple[str, ...]
    is_strong: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under a heading that every page repeats, and the sums that never stand alone."""

    title: str | None = None
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    ems: Annotated[
        tuple[float, ...], Meta(description="the words of each row are at most so many ems wide")
    ]
    closing: tuple[Closing, ...] = ()


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    """What is torn off and paid with."""

    title: str
    cut: str
    payee: tuple[str, ...]
    facts: tuple[Fact, ...]
    due: Fact
    code: Annotated[tuple[str, ...], Meta(description="QR code: a string a row, 1 is dark")]
    code_label: str


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is on the pages."""

    language: str
    region: str | None
    direction: Literal["ltr", "rtl"]
    digits: Annotated[str, Meta(description="the digits 0 to 9 of page numbers")]
    page_of: Annotated[tuple[str, str, str], Meta(description="what stands around page and pages")]
    title: str
    subject: Annotated[str, Meta(description="what the document is about: number or account")]
    author: str
    mark: Annotated[str | None, Meta(description="across every page: a draft, a void")] = None
    stamp: Annotated[str | None, Meta(description="beside the title: paid")] = None
    letterhead: Letterhead
    addressee_label: str
    addressee: tuple[str, ...]
    facts: tuple[Fact, ...]
    due: Fact
    due_note: str
    ageing_title: str = ""
    ageing: tuple[Bucket, ...] = ()
    tables: tuple[Table, ...]
    note: str | None = None
    slip: Slip | None = None
