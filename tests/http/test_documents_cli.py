"""`daybook invoice pdf` and `daybook letterhead set` as an operator meets them."""

from pathlib import Path

from click.testing import Result

from tests.fixtures.command_line import command
from tests.fixtures.http_api import Api
from tests.fixtures.pdf_text import text
from tests.http.test_documents import make_account, make_invoice


def daybook(api: Api, *arguments: str) -> Result:
    addresses = {"DAYBOOK_POSTGRES_URL": api.database.url, "DAYBOOK_NATS_URL": "nats://127.0.0.1:1"}
    return command(*arguments, env=addresses)


async def test_an_invoice_is_written_with_the_letterhead_that_was_set(
    api: Api, tmp_path: Path
) -> None:
    path = await make_invoice(api, await make_account(api))
    invoice_id, out = path.rpartition("/")[2], tmp_path / "invoice.pdf"
    for name in ("First Clinic", "North Clinic"):
        done = daybook(
            api, "letterhead", "set", "--facility", "north", "--name", name,
            "--address", "1 High Street", "--pay-to", "Account 42", "--calendar", "solar_hijri",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    assert daybook(api, "invoice", "pdf", invoice_id, "--out", str(out)).exit_code == 0
    said = text(out.read_bytes())
    for words in ("North Clinic", "1 High Street", "Account 42", "Ana Lima", "$125.00"):
        assert words in said
    again = daybook(api, "invoice", "pdf", invoice_id, "--out", str(out), "--language", "de")
    assert (again.exit_code, "en, ps, prs, ar" in again.output) == (2, True)
    strange = daybook(api, "invoice", "pdf", "inv_1", "--out", str(out))
    assert (strange.exit_code, "tenant demo has no invoice inv_1" in strange.output) == (1, True)
    long = daybook(api, "letterhead", "set", "--name", "x" * 121)
    assert (long.exit_code, "up to 120 characters" in long.output) == (1, True)
