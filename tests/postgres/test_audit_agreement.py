"""Read models that contradict each other are found, though each is what its own code made."""

import pytest

from projections.projection import REGISTRY
from services.audit.agreement import disagreements
from services.audit.read_models import shadow_tables
from tests.fixtures.ledger_history import history
from tests.fixtures.read_models import ReadModels
from tests.fixtures.report_oracle import with_clinic

LOG = with_clinic(history(5, 250), 5)
AT_ONE = {"account_balances": len(LOG), "general_ledger": len(LOG), "invoices": len(LOG)}
DAMAGES = (
    (
        "UPDATE receivables SET outstanding_minor = outstanding_minor + 1 WHERE item = 'unbilled'",
        {"the items", "the days"},
    ),
    ("UPDATE receivable_days SET amount_minor = amount_minor + 1", {"the days"}),
    (
        "UPDATE general_ledger_totals SET debit_minor = debit_minor + 1 WHERE gl_account = '1100'",
        {"receivable and"},
    ),
    (
        "UPDATE invoices SET outstanding_minor = outstanding_minor + 1 WHERE status = 'issued'",
        {"what is"},
    ),
)


async def _found(read_models: ReadModels, damage: str, replayed: dict[str, int]) -> set[str]:
    """The first words of what does not tie, after damage to a replay."""
    async with read_models.admin.acquire() as connection, shadow_tables(connection, REGISTRY):
        for projection in REGISTRY:
            await projection.apply(LOG, connection)
        assert await disagreements(connection, AT_ONE) == []
        await connection.execute(damage)
        found = await disagreements(connection, replayed)
    return {" ".join(row["what"].split()[:2]) for row in found}


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
async def test_what_does_not_tie_is_found(
    read_models: ReadModels, damage: str, words: set[str]
) -> None:
    assert await _found(read_models, damage, AT_ONE) == words


async def test_read_models_at_different_positions_are_not_compared(read_models: ReadModels) -> None:
    for damage, words in DAMAGES[2:]:
        behind = AT_ONE | {"general_ledger": 1, "invoices": 1}
        assert await _found(read_models, damage, behind) == set(), words
    assert await _found(read_models, DAMAGES[0][0], {"invoices": len(LOG)}) == set()
