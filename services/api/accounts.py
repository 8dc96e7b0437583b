"""Accounts over HTTP: open one, read its balance and its ledger."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from contracts.account import AccountOpened
from contracts.ids import AccountId
from contracts.inbound import FacilityCode, Language, Line
from contracts.money import Currency
from contracts.patients import PatientId, check_patient_id
from contracts.views import AccountBalance, AccountLedger
from domain import naming
from domain.account import OpenAccount
from domain.write_side import AccountStatus
from projections.account_balances_queries import find_account, find_accounts, has_account
from projections.general_ledger_queries import account_ledger
from services.api.calls import Call
from services.api.contacts import Email, Phone, Preferred, checked_address
from services.api.parameters import STORABLE, AccountPath, Cursor, Limit
from services.api.problems import Problem, invalid
from services.api.reading import Reading, tagged, today
from services.api.routes import command, created, query


class OpenAccountRequest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Open an account for a patient or customer; there is one per patient and currency."""

    patient_id: PatientId
    name: Annotated[Line | None, Meta(description="kept sealed under a key of its own")] = None
    facility: FacilityCode
    currency: Currency
    language: Language = "en"
    email: Email | None = None
    phone: Phone | None = None
    delivery: Preferred = None


class OpenedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it was opened."""

    account_id: AccountId
    patient_id: str
    name: str | None
    facility: str
    currency: Currency
    language: str
    status: AccountStatus
    version: Annotated[int, Meta(description="version of the account")]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


class Account(AccountBalance, frozen=True, kw_only=True):
    """An account, what is owed on it and how that came about."""

    name: str | None  # type: ignore[assignment]  # sealed in the read model, opened at this edge


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts by id."""

    items: tuple[Account, ...]
    cursor: Annotated[str | None, Meta(description="asks for the next page; null on the last")]


@command(
    "/accounts",
    OpenAccount,
    summary="Open an account",
    codes=("ALREADY_EXISTS", "CURRENCY_UNSUPPORTED"),
    of_account=False,
)
async def open_account(
    data: JSONBody[OpenAccountRequest],
    call: NamedDependency[Call],
) -> Response[OpenedAccount]:
    """Opens the account of a patient in a currency; a second one is refused."""
    _check_patient(data.patient_id)
    email, phone = checked_address("email", data.email), checked_address("phone", data.phone)
    opened = await call.execute(
        data,
        OpenAccount(
            account_id=naming.account_id(call.tenant, data.patient_id, data.currency),
            patient_id=data.patient_id,
            name=await call.seal(data.patient_id, data.name),
            facility=data.facility,
            currency=data.currency,
            language=data.language,
            email=await call.seal(data.patient_id, email),
            phone=await call.seal(data.patient_id, phone),
            delivery=data.delivery,
        ),
    )
    event: AccountOpened = opened.event
    answer = OpenedAccount(
        account_id=event.account_id,
        patient_id=event.patient_id,
        name=await call.open(event.name),
        facility=event.facility,
        currency=event.currency,
        language=event.language,
        status=AccountStatus.OPEN,
        version=opened.version,
        token=opened.token,
    )
    return created(f"/v1/accounts/{event.account_id}", answer, opened)


def _check_patient(patient_id: str) -> None:
    try:
        check_patient_id(patient_id)
    except ValueError as wrong:
        raise invalid("$.patient_id", str(wrong)) from None


@query("/accounts", "account_balances", summary="List accounts")
async def list_accounts(
    reading: NamedDependency[Reading],
    patient_id: Annotated[
        str | None,
        QueryParameter(
            required=False,
            description="only those of this patient, one a currency",
            max_length=256,
            pattern=STORABLE,
        ),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Accounts:
    """Accounts with their balances, by id."""
    async with reading.connection() as connection:
        page = await find_accounts(
            connection,
            today=await today(connection),
            patient_id=patient_id,
            cursor=cursor,
            limit=limit,
        )
    names = await reading.names(account.name for account in page.items)
    items = tuple(_opened(*pair) for pair in zip(page.items, names, strict=True))
    return Accounts(items=items, cursor=page.cursor)


@query(
    "/accounts/{account_id:str}",
    "account_balances",
    summary="Read an account",
    codes=("NOT_FOUND",),
    tagged=True,
)
async def get_account(
    request: Request[Any, Any, Any], reading: NamedDependency[Reading], account_id: AccountPath
) -> Response[Account]:
    """The account with its balance, credit and totals, and how old what is owed on it is."""
    async with reading.connection() as connection:
        account = await find_account(connection, account_id, today=await today(connection))
    if account is None:
        raise Problem("NOT_FOUND", f"there is no account {account_id}")
    (name,) = await reading.names([account.name])
    answer = _opened(account, name)
    return tagged(request, answer, account.version, account.position, account.aging.as_of)


@query(
    "/accounts/{account_id:str}/ledger",
    "general_ledger",
    "account_balances",
    summary="Read an account's ledger",
    codes=("NOT_FOUND",),
)
async def get_account_ledger(
    reading: NamedDependency[Reading],
    account_id: AccountPath,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AccountLedger:
    """What was charged, paid and credited, oldest first, with the balance after each line."""
    async with reading.connection() as connection:
        page = await account_ledger(connection, account_id, cursor=cursor, limit=limit)
        if not page.items and not await has_account(connection, account_id):
            raise Problem("NOT_FOUND", f"there is no account {account_id}")
    return page


def _opened(account: AccountBalance, name: str | None) -> Account:
    return Account(**msgspec.structs.asdict(account) | {"name": name})
