"""Accounts suspended and reinstated over HTTP."""

from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from contracts.account import AccountReinstated, AccountSuspended
from contracts.ids import AccountId
from contracts.inbound import Line
from domain.account import ReinstateAccount, SuspendAccount
from domain.write_side import AccountStatus
from services.api.calls import Call
from services.api.ledger import Recorded
from services.api.parameters import AccountPath
from services.api.routes import command, created


class SuspensionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Suspend an account, or reinstate it, and say why."""

    reason: Annotated[Line, Meta(description="kept sealed under the person's key")]


class AccountStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an account takes new charges, and why so."""

    account_id: AccountId
    status: AccountStatus
    reason: Annotated[str | None, Meta(description="null once the person is forgotten")]
    version: Annotated[
        int, Meta(description="version of the account's own stream; its ETag is at its own place")
    ]
    token: Annotated[str, Meta(description="for `after=`: read what has seen this command")]


@command(
    "/accounts/{account_id:str}/suspend",
    SuspendAccount,
    summary="Suspend an account",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def suspend_account(
    data: JSONBody[SuspensionRequest], call: NamedDependency[Call], account_id: AccountPath
) -> Response[AccountStanding]:
    """New charges are refused from now on; payments are taken as ever."""
    return await _change(data, call, SuspendAccount, account_id)


@command(
    "/accounts/{account_id:str}/reinstate",
    ReinstateAccount,
    summary="Reinstate an account",
    codes=("NOT_FOUND", "STATE_CONFLICT"),
)
async def reinstate_account(
    data: JSONBody[SuspensionRequest], call: NamedDependency[Call], account_id: AccountPath
) -> Response[AccountStanding]:
    """A suspended account takes charges again."""
    return await _change(data, call, ReinstateAccount, account_id)


async def _change(
    data: SuspensionRequest,
    call: Call,
    kind: type[SuspendAccount] | type[ReinstateAccount],
    account_id: str,
) -> Response[AccountStanding]:
    reason = await call.seal_text(account_id, data.reason)
    recorded = await call.execute(data, kind(account_id=AccountId(account_id), reason=reason))
    standing = await _standing(call, recorded, account_id)
    return created(f"/v1/accounts/{account_id}", standing, recorded)


async def _standing(call: Call, recorded: Recorded, account_id: str) -> AccountStanding:
    """As it was after the command, which a repeat is answered with, whatever came since."""
    event = (await call.ledger.events(call.tenant, account_id))[recorded.version - 1]
    assert isinstance(event, AccountSuspended | AccountReinstated), "what the command recorded"
    suspended = isinstance(event, AccountSuspended)
    return AccountStanding(
        account_id=event.account_id,
        status=AccountStatus.SUSPENDED if suspended else AccountStatus.OPEN,
        reason=await call.open(event.reason),
        version=recorded.version,
        token=recorded.token,
    )
