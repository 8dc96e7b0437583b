"""A typed client made from the published document bills a visit, as a stranger's program would."""

import importlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from services.access.bearer import Verifier
from services.access.scopes import ALL_SCOPES
from services.api import publish
from services.api.auth import authenticate_jwt
from tests.fixtures.databases import Database
from tests.fixtures.http_api import catch_up
from tests.fixtures.served_api import served
from tests.fixtures.tokens import KEYS, RULES, token

_GENERATOR: Final = Path(sys.executable).with_name("openapi-python-client")
# No formatter runs over what nobody reads.
_CONFIG: Final = (
    "post_hooks: []\ncontent_type_overrides:\n  application/pdf: application/octet-stream\n"
)


class Generated:
    """The generated package: its client, its models and its operations by their names."""

    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client
        self.models: Any = importlib.import_module(f"{name}.models")

    async def call(self, operation: str, *path: str, **arguments: Any) -> Any:
        """What an operation answered, as one of the generated models."""
        module = importlib.import_module(f"{self._name}.api.{operation}")
        answered = await module.asyncio_detailed(*path, client=self._client, **arguments)
        return answered.parsed


@asynccontextmanager
async def client_of(name: str, database: Database) -> AsyncIterator[Generated]:
    """The generated client of an API that runs."""
    made: Any = importlib.import_module(f"{name}.client")
    bearer = token(scope=" ".join(sorted(ALL_SCOPES)))
    authenticate = authenticate_jwt(Verifier(KEYS, RULES))
    async with (
        served(database, authenticate=authenticate) as (http, _),
        made.AuthenticatedClient(base_url=str(http.base_url), token=bearer) as client,
    ):
        yield Generated(name, client)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A client of this release's document; its name as a package."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.yml"
    config.write_text(_CONFIG)
    made = subprocess.run(
        [
            *(_GENERATOR, "generate", "--meta", "none", "--fail-on-warning"),
            *("--path", publish.FILE, "--config", config),
            *("--output-path", folder / "daybook_client"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(folder))
        yield "daybook_client"


async def test_a_generated_client_bills_a_visit(database: Database, package: str) -> None:
    async with client_of(package, database) as client:
        models = client.models
        opened = await client.call(
            "accounts.open_account",
            body=models.OpenAccountRequest(patient_id="p1", facility="north", currency="USD"),
        )
        charged = await client.call("charges.capture_charge", body=_charge(models, opened))
        assert (charged.status, charged.total.amount) == (models.ChargeStatus.CAPTURED, "125.00")
        drafted = await client.call(
            "invoices.draft_invoice",
            body=models.DraftInvoiceRequest(account_id=opened.account_id),
        )
        issued = await client.call(
            "invoices.issue_invoice",
            drafted.invoice_id,
            body=models.IssueInvoiceRequest(due_days=14),
        )
        paid = await client.call(
            "payments.post_payment", body=_payment(models, opened), idempotency_key="till-1/1"
        )
        assert [each.invoice_id for each in paid.allocations] == [issued.invoice_id]
        await catch_up(database)
        account = await client.call("accounts.get_account", opened.account_id, after=paid.token)
        assert (account.balance.amount, account.paid.amount) == ("85.00", "40.00")
        invoice = await client.call("invoices.get_invoice", issued.invoice_id, after=paid.token)
        shown = invoice.invoice
        assert (shown.number, shown.outstanding.amount) == (issued.number, "85.00")


async def test_a_generated_client_tells_a_problem_by_its_code(
    database: Database, package: str
) -> None:
    async with client_of(package, database) as client:
        nowhere = client.models.OpenAccountRequest(patient_id="p1", facility="", currency="USD")
        problem = await client.call("accounts.open_account", body=nowhere)
        assert isinstance(problem, client.models.ProblemDetails)
        assert (problem.status, problem.code) == (400, "VALIDATION_FAILED")
        assert [error.path for error in problem.errors] == ["$.facility"]


def _charge(models: Any, opened: Any) -> Any:
    return models.CaptureChargeRequest(
        account_id=opened.account_id,
        facility="north",
        code="99213",
        system="http://www.ama-assn.org/go/cpt",
        service_date=date(2026, 1, 2),
        currency="USD",
        unit_price=models.Amount(amount="125.00", currency="USD"),
    )


def _payment(models: Any, opened: Any) -> Any:
    return models.PostPaymentRequest(
        account_id=opened.account_id,
        amount=models.Amount(amount="40.00", currency="USD"),
        method=models.PaymentMethod.CASH,
    )
