"""Parameters that several routes share: ids in paths, pages, dates."""

from datetime import date
from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from projections.cursor import LIMIT_MAX

_TYPEID = "_[0-7][0-9a-z]{25}$"

AccountPath = Annotated[
    str,
    PathParameter(pattern=f"^acc{_TYPEID}", description="id of the account"),
]
ChargePath = Annotated[
    str,
    PathParameter(pattern=f"^chg{_TYPEID}", description="id of the charge"),
]
InvoicePath = Annotated[
    str,
    PathParameter(pattern=f"^inv{_TYPEID}", description="id of the invoice"),
]
PaymentPath = Annotated[
    str,
    PathParameter(pattern=f"^pay{_TYPEID}", description="id of the payment"),
]
PriceListPath = Annotated[
    str,
    PathParameter(pattern=f"^prl{_TYPEID}", description="id of the price list"),
]
OfAccount = Annotated[
    str | None,
    QueryParameter(
        name="account_id",
        required=False,
        description="only those of this account",
        pattern=f"^acc{_TYPEID}",
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(
        name="cursor",
        required=False,
        description="`cursor` of the page before; what it holds is not for reading",
        max_length=1024,
    ),
]
Limit = Annotated[
    int,
    QueryParameter(name="limit", required=False, description="rows of a page", ge=1, le=LIMIT_MAX),
]
DateFrom = Annotated[
    date | None,
    QueryParameter(name="date_from", required=False, description="first day of issue, inclusive"),
]
DateTo = Annotated[
    date | None,
    QueryParameter(name="date_to", required=False, description="last day of issue, inclusive"),
]
