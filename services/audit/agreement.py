"""Whether read models agree with each other: the sub-ledger with the general ledger, what accounts
owe with their items, and those with the invoices.
"""

from collections.abc import Mapping
from typing import Any, Final

from projections.statements import AnyConnection
from services.audit.findings import FINDINGS_KEPT_MAX
from services.audit.pages import sql

_AGREEMENT: Final = sql("agreement")


async def disagreements(connection: AnyConnection, replayed: Mapping[str, int]) -> list[Any]:
    """What does not tie: what it is, tenant, expected and found.

    `replayed` has the positions up to which read models were applied to temporary tables; those at
    different ones cannot be compared.
    """
    balances = replayed.get("account_balances")
    at_one_position = [
        balances is not None and replayed.get(other) == balances
        for other in ("account_balances", "general_ledger", "invoices")
    ]
    found: list[Any] = await connection.fetch(_AGREEMENT, *at_one_position, FINDINGS_KEPT_MAX)
    return found
