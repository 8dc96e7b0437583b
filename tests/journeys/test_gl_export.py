"""An accountant's export from a running stack: asked for, brought, proved, and the same again."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fixtures.command_line import command
from tests.fixtures.whole_stack import WholeStack

LAYOUT = """
name = "Buchhaltung"
separator = ";"
decimal_mark = ","
columns = [
  { field = "booked_on", header = "Datum" },
  { field = "gl_account", header = "Konto" },
  { field = "currency", header = "Währung" },
  { field = "amount", header = "Betrag" },
]
[accounts]
1100 = "140000"
4000 = "800000"
"""


async def _charge(whole_stack: WholeStack, facility: str) -> None:
    account: dict[str, Any] = {"patient_id": f"p-{facility}", "facility": facility}
    account |= {"name": "Nino", "currency": "GEL"}
    opened = await whole_stack.query.post("/v1/accounts", account, key=f"gl-open-{facility}")
    charge = {
        "account_id": opened["account_id"],
        "facility": facility,
        "code": "99213",
        "system": "urn:cpt",
        "service_date": "2026-03-02",
        "currency": "GEL",
        "unit_price": {"amount": "125.00", "currency": "GEL"},
    }
    await whole_stack.query.post("/v1/charges", charge, key=f"charge-{facility}")


async def test_a_period_is_exported_twice_with_the_same_bytes_and_as_the_erp_system_wants_it(
    whole_stack: WholeStack, tmp_path: Path
) -> None:
    await _charge(whole_stack, "exported")
    today = datetime.now(UTC).date()
    period = ("--from", f"{today - timedelta(days=1)}", "--to", f"{today + timedelta(days=1)}")
    where = ("--facility", "exported", "--data-dir", str(whole_stack.data_dir))
    for name in ("one", "two"):
        done = command("gl", "export", *period, *where, "--json", "--out", str(tmp_path / name))
        assert done.exit_code == 0, done.output
    manifest = json.loads(done.stdout)["manifest"]
    assert (manifest["row_count"], manifest["totals"]) == (
        2,
        [{"currency": "GEL", "debit": "125.00", "credit": "125.00"}],
    )
    for file in ("general-ledger.csv", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    _check_proof(tmp_path / "one")
    listed = await whole_stack.query.get("/v1/gl-exports?limit=1")
    assert (
        _download(whole_stack, listed["items"][0]["gl_export_id"])
        == (tmp_path / "two" / "general-ledger.csv").read_bytes()
    )
    _check_erp_layout(tmp_path, *period, *where)


def _check_proof(folder: Path) -> None:
    assert command("gl", "verify", str(folder)).exit_code == 0
    file = folder / "general-ledger.csv"
    file.write_bytes(file.read_bytes().replace(b"125.00", b"126.00"))
    found = command("gl", "verify", str(folder))
    assert found.exit_code == 1
    assert "sha256" in found.stdout
    (folder / "manifest.json").unlink()
    assert command("gl", "verify", str(folder)).exit_code == 2


def _download(whole_stack: WholeStack, gl_export_id: str) -> bytes:
    url = f"{whole_stack.addresses.api_url}/v1/gl-exports/{gl_export_id}/file"
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        content: bytes = answer.read()
    return content


def _check_erp_layout(folder: Path, *selection: str) -> None:
    data_dir = selection[-2:]
    file = folder / "layout.toml"
    file.write_text(LAYOUT.replace("4000", "4100"), encoding="utf-8")
    assert command("erp-layout", "set", str(file), *data_dir).exit_code == 0
    erp = ("gl", "export", *selection, "--layout", "erp", "--out", str(folder / "erp"))
    refused = command(*erp)
    assert refused.exit_code == 1
    assert "ACCOUNT_UNMAPPED" in refused.stderr
    assert not (folder / "erp").exists()
    file.write_text(LAYOUT, encoding="utf-8")
    assert command("erp-layout", "set", str(file), *data_dir).exit_code == 0
    assert '"140000"' in command("erp-layout", "show", *data_dir).stdout
    assert command(*erp).exit_code == 0
    heading, *rows = (folder / "erp" / "general-ledger.csv").read_text().splitlines()
    assert heading == "Datum;Konto;Währung;Betrag"
    assert [row.split(";")[1:] for row in rows] == [
        ["140000", "GEL", "125,00"],
        ["800000", "GEL", "-125,00"],
    ]
    assert command("gl", "verify", str(folder / "erp")).exit_code == 0
