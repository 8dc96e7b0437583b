"""Statements of an account over HTTP, as data and as the document that its customer gets."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from contracts.statement_views import AccountStatement
from projections.account_statements_queries import find_statement
from services.api.dependencies import Dependencies
from services.api.parameters import AccountPath, check_period
from services.api.printing import VARY, PrintLanguage, dressed, printed, wants_pdf
from services.api.problems import Problem
from services.api.reading import Reading, tagged
from services.api.routes import query
from services.documents.statement import StatementDocument, statement_paper
from services.licences import Module


class Statement(AccountStatement, frozen=True, kw_only=True):
    """An account over a period of posting dates, with what is due on the last of them."""

    name: str | None  # type: ignore[assignment]  # sealed in the read model, opened at this edge


@query(
    "/accounts/{account_id:str}/statement",
    "general_ledger",
    "account_balances",
    summary="Read an account's statement",
    codes=("NOT_FOUND",),
    tagged=True,
    document=True,
    module=Module.STATEMENTS,
)
async def get_statement(
    request: Request[Any, Any, Any],
    reading: NamedDependency[Reading],
    dependencies: NamedDependency[Dependencies],
    account_id: AccountPath,
    first_on: Annotated[
        date, QueryParameter(name="from", description="first posting date, inclusive")
    ],
    last_on: Annotated[
        date, QueryParameter(name="to", description="last posting date, inclusive; ages are of it")
    ],
    language: PrintLanguage = None,
) -> Response[Statement]:
    """Opening balance, what happened, closing balance and how long it has been due; or as PDF."""
    check_period(("from", first_on), ("to", last_on))
    is_pdf = wants_pdf(request)
    async with reading.connection() as connection:
        found = await find_statement(connection, account_id, first_on, last_on)
        if found is None:
            raise Problem("NOT_FOUND", f"there is no account {account_id}")
        style, sender = await dressed(connection, request, language, found.language, found.facility)
    (name,) = await reading.names([found.name])
    if is_pdf:
        document = StatementDocument(statement=found, name=name, sender=sender)
        return await printed(
            request, dependencies, len(found.lines), lambda: statement_paper(document, style), style
        )
    statement = Statement(**msgspec.structs.asdict(found) | {"name": name})
    answer = tagged(request, statement, found.version, found.position)
    answer.headers.update(VARY)
    return answer
