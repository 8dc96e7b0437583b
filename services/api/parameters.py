"""Parameters that several routes share: ids in paths, pages, dates."""

from datetime import date
from typing import Annotated, Final

from litestar.params import PathParameter, QueryParameter

from contracts import inbound, workflow
from projections.cursor import LIMIT_MAX
from services.api.problems import invalid

_TYPEID: Final = "_[0-7][0-9a-z]{25}$"
_ACCOUNT: Final = f"^acc{_TYPEID}"
_PAYMENT: Final = f"^pay{_TYPEID}"
_REMITTANCE: Final = f"^rem{_TYPEID}"
_TOKEN: Final = "[a-z]{3,63}" + _TYPEID.removesuffix("$") + "-[1-9][0-9]{0,17}"
TOKEN: Final = f"^{_TOKEN}$"
TOKEN_OR_PLACE: Final = f"^({_TOKEN}|head|[0-9]{{1,19}})$"
_CURSOR: Final = "^[A-Za-z0-9_-]+$"
_RUN: Final = "^run_[0-7][0-9a-z]{25}-[1-9][0-9]{0,17}$"
MONTH: Final = r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$"
STORABLE: Final = r"^(?![\s\S]*[\x00-\x1f])"
PRINTED: Final = "^([Ee][Nn]|[Pp][Ss]|[Pp][Rr][Ss]|[Ff][Aa]|[Aa][Rr])(-[A-Za-z0-9]{1,8})*$"
BRANCH: Final = r"^[A-Za-z0-9](?![\s\S]*[^A-Za-z0-9._/-])"
FHIR_ID: Final = r"^[A-Za-z0-9.-](?![\s\S]*[^A-Za-z0-9.-])"
FACILITY_OR_ALL: Final = r"^(\*|(?![\s\S]*[^A-Za-z0-9._-])[\s\S]+)$"

MEANINGS: Final = inbound.MEANINGS | {
    _ACCOUNT: "the id of an account, such as acc_01h455vb4pex5vsknk084sn02q",
    _PAYMENT: "the id of a payment, such as pay_01h455vb4pex5vsknk084sn02q",
    _REMITTANCE: "the id of a remittance, such as rem_01h455vb4pex5vsknk084sn02q",
    _CURSOR: "the `cursor` of the page before",
    _RUN: "the id of a run of statements, such as run_01h455vb4pex5vsknk084sn02q-1",
    PRINTED: "the tag of a language that documents are printed in: en, ps, prs, ar (fa is prs)",
    STORABLE: "text without control characters",
    workflow.NAME: "a name of letters A-Z and a-z, digits and _ -, a letter or digit first",
    BRANCH: "a branch (letters A-Z and a-z, digits and . _ / -, a letter or digit first)",
    FHIR_ID: "the id of a FHIR resource (letters A-Z and a-z, digits and . -)",
    MONTH: "a calendar month, such as 2025-09",
    FACILITY_OR_ALL: "a facility (letters A-Z and a-z, digits and . _ - alone), or * for all",
}
"""What the patterns of this API mean to people."""

AccountPath = Annotated[
    str,
    PathParameter(pattern=_ACCOUNT, description="id of the account"),
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
    PathParameter(pattern=_PAYMENT, description="id of the payment"),
]
GlExportPath = Annotated[
    str,
    PathParameter(pattern=f"^gle{_TYPEID}", description="id of the export"),
]
RunPath = Annotated[
    str,
    PathParameter(pattern=_RUN, description="id of the run of statements"),
]
WorkflowRunPath = Annotated[
    str,
    PathParameter(pattern=f"^wfr{_TYPEID}", description="id of the run of a workflow"),
]
PriceListPath = Annotated[
    str,
    PathParameter(pattern=f"^prl{_TYPEID}", description="id of the price list"),
]
AdjustmentPath = Annotated[
    str,
    PathParameter(pattern=f"^adj{_TYPEID}", description="id of the adjustment"),
]
CreditAllocationPath = Annotated[
    str,
    PathParameter(pattern=f"^crd{_TYPEID}", description="id of the allocation"),
]
RefundPath = Annotated[
    str,
    PathParameter(pattern=f"^rfd{_TYPEID}", description="id of the refund"),
]
OfAccount = Annotated[
    str | None,
    QueryParameter(
        name="account_id",
        required=False,
        description="only those of this account",
        pattern=_ACCOUNT,
    ),
]
OfPayment = Annotated[
    str | None,
    QueryParameter(
        name="payment_id",
        required=False,
        description="only those of this payment",
        pattern=_PAYMENT,
    ),
]
OfRemittance = Annotated[
    str | None,
    QueryParameter(
        name="remittance_id",
        required=False,
        description="only those of this remittance",
        pattern=_REMITTANCE,
    ),
]
OfFacility = Annotated[
    str | None,
    QueryParameter(
        name="facility",
        required=False,
        description="only those of this facility",
        pattern=inbound.FACILITY,
        min_length=1,
        max_length=64,
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(
        name="cursor",
        required=False,
        description="`cursor` of the page before; what it holds is not for reading",
        max_length=1024,
        pattern=_CURSOR,
    ),
]
Limit = Annotated[
    int,
    QueryParameter(name="limit", required=False, description="rows of a page", ge=1, le=LIMIT_MAX),
]
DryRun = Annotated[
    bool,
    QueryParameter(
        name="dry_run",
        required=False,
        description="`true` answers what would be booked, and writes nothing at all",
    ),
]
DateFrom = Annotated[
    date | None,
    QueryParameter(name="date_from", required=False, description="first day of issue, inclusive"),
]
DateTo = Annotated[
    date | None,
    QueryParameter(name="date_to", required=False, description="last day of issue, inclusive"),
]
BookedFrom = Annotated[
    date | None,
    QueryParameter(name="date_from", required=False, description="first posting date, inclusive"),
]
BookedTo = Annotated[
    date | None,
    QueryParameter(name="date_to", required=False, description="last posting date, inclusive"),
]
AskedFrom = Annotated[
    date | None,
    QueryParameter(
        name="date_from", required=False, description="first day of the request, inclusive"
    ),
]
AskedTo = Annotated[
    date | None,
    QueryParameter(
        name="date_to", required=False, description="last day of the request, inclusive"
    ),
]


def check_period(first: tuple[str, date | None], last: tuple[str, date | None]) -> None:
    """Refuse a period that ends before it begins, which would only be empty; raises Problem."""
    (first_name, begins), (last_name, ends) = first, last
    if begins is not None and ends is not None and begins > ends:
        raise invalid(f"query:{first_name}", f"{begins} is after {last_name}, which is {ends}")
