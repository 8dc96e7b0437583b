"""What an export's files hold, byte by byte, whatever the entries hold."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from contracts.gl_export import GlExportFormat
from contracts.ledger import GlAccount
from services.gl_export.layout import (
    PLAIN,
    AccountUnmapped,
    Column,
    Field,
    Layout,
    LayoutInvalid,
    decode_layout,
    encode_layout,
    layout_id,
    read_layout,
)
from services.gl_export.manifest import FILES, FORM, Manifest, encode_manifest, verify
from services.gl_export.spooling import Spool, columns_of, writer_of
from services.gl_export.writing import CsvWriter, Entry, JsonWriter, Writer


def entry(position: int = 1, line: int = 1, amount_minor: int = 12_500, **fields: object) -> Entry:
    return Entry(
        position=position,
        line=line,
        transaction_id=f"chg_{position}-1",
        type="billing.charge.captured.v1",
        booked_on=date(2026, 1, 2),
        effective_on=date(2026, 1, 1),
        recorded_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        facility="north",
        account_id="acc_1",
        gl_account="1100" if amount_minor >= 0 else "4000",
        currency="USD",
        amount_minor=amount_minor,
    )._replace(**fields)  # type: ignore[arg-type]  # any field of an entry


PAIR = (entry(), entry(line=2, amount_minor=-12_500))


def written(writer: Writer, *entries: Entry) -> bytes:
    return writer.begin() + writer.entries(entries) + writer.end()


def cells(content: bytes) -> dict[str, str]:
    """The first entry of a CSV file, as another program reads it."""
    return next(iter(csv.DictReader(io.StringIO(content.decode(), newline=""))))


def test_the_plain_layout_shows_everything_under_its_name() -> None:
    assert written(CsvWriter(PLAIN), *PAIR).decode() == (
        "position,line,transaction_id,type,booked_on,effective_on,recorded_at,facility,"
        "account_id,gl_account,gl_account_name,currency,debit,credit,amount_minor\r\n"
        "1,1,chg_1-1,billing.charge.captured.v1,2026-01-02,2026-01-01,"
        "2026-01-02T03:04:05.000000Z,north,acc_1,1100,Accounts receivable,USD,125.00,,12500\r\n"
        "1,2,chg_1-1,billing.charge.captured.v1,2026-01-02,2026-01-01,"
        "2026-01-02T03:04:05.000000Z,north,acc_1,4000,Patient service revenue,USD,,125.00,"
        "-12500\r\n"
    )


def test_json_is_one_array_with_an_entry_a_line() -> None:
    content = written(JsonWriter(), *PAIR)
    assert [len(json.loads(content)), content.count(b"\n")] == [2, 4]
    first, second = json.loads(content)
    assert (first["debit"], first["credit"], first["amount_minor"]) == ("125.00", None, 12_500)
    assert (second["debit"], second["credit"]) == (None, "125.00")
    assert json.loads(written(JsonWriter())) == []


def test_json_does_not_depend_on_how_many_entries_come_at_once() -> None:
    whole, parts = JsonWriter(), JsonWriter()
    singly = b"".join(parts.entries([each]) for each in PAIR)
    assert whole.entries(PAIR) == singly
    assert parts.entries([]) == b""


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "－1", "＋1", "＠x"]
)
def test_what_a_spreadsheet_takes_for_a_formula_is_neutralised(text: str) -> None:
    content = written(CsvWriter(PLAIN), entry(facility=text, account_id=text)).decode()
    read = cells(content.encode())
    assert [read["facility"], read["account_id"]] == [f"'{text}", f"'{text}"]


def test_negative_numbers_stay_numbers() -> None:
    layout = Layout(name="signed", columns=(Column(field=Field.AMOUNT),), header=False)
    assert written(CsvWriter(layout), entry(amount_minor=-5)) == b"-0.05\r\n"


@pytest.mark.parametrize("text", ['a"b', "a,b", "a\r\nb", "a\nb", " a", "a ", '"', "", "é,ü"])
def test_hostile_text_comes_back_as_it_was(text: str) -> None:
    content = written(CsvWriter(PLAIN), entry(facility=text)).decode()
    assert cells(content.encode())["facility"] == text


@pytest.mark.parametrize(
    ("currency", "amount_minor", "debit"),
    [("JPY", 125, "125"), ("BHD", 1, "0.001"), ("USD", 0, "0.00"), ("AFN", 12_345, "123.45")],
)
def test_amounts_have_the_digits_of_their_currency(
    currency: str, amount_minor: int, debit: str
) -> None:
    content = written(CsvWriter(PLAIN), entry(currency=currency, amount_minor=amount_minor))
    assert cells(content)["debit"] == debit


ERP = b"""
name = "Buchhaltung"
separator = ";"
decimal_mark = ","
date_format = "DD.MM.YYYY"
encoding = "windows-1252"
line_end = "lf"
side_debit = "S"
side_credit = "H"
columns = [
  { field = "booked_on", header = "Belegdatum" },
  { field = "gl_account", header = "Konto" },
  { field = "amount_absolute", header = "Betrag" },
  { field = "side", header = "S/H" },
  { field = "currency", header = "W\xc3\xa4hrung" },
  { text = "DB", header = "Quelle" },
]

[accounts]
1100 = "140000"
4000 = "+800000"
"""


def test_an_erp_layout_decides_columns_forms_and_accounts() -> None:
    assert written(CsvWriter(read_layout(ERP)), *PAIR).decode("windows-1252") == (
        "Belegdatum;Konto;Betrag;S/H;Währung;Quelle\n"
        "02.01.2026;140000;125,00;S;USD;DB\n"
        "02.01.2026;'+800000;125,00;H;USD;DB\n"
    )


def test_a_layout_may_begin_with_a_byte_order_mark_and_show_credits_as_positive() -> None:
    columns = (Column(field=Field.AMOUNT, header="Betrag"),)
    layout = Layout(name="x", columns=columns, encoding="utf-8-sig", credit_positive=True)
    assert written(CsvWriter(layout), *PAIR) == b"\xef\xbb\xbfBetrag\r\n-125.00\r\n125.00\r\n"


def test_an_account_without_a_number_of_theirs_is_refused_with_all_that_lack() -> None:
    with pytest.raises(AccountUnmapped, match=r"no account for 2200 .* lacks 1010, .*2200"):
        written(CsvWriter(read_layout(ERP)), entry(gl_account=GlAccount.TAX_PAYABLE))


def test_a_layout_that_was_stored_is_the_same_and_has_the_same_id() -> None:
    layout = read_layout(ERP)
    assert decode_layout(encode_layout(layout)) == layout
    assert layout_id(decode_layout(encode_layout(layout))) == layout_id(layout)
    assert layout_id(PLAIN) != layout_id(layout)


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("name = ", "no TOML"),
        ("name = 'x'", r"\$: .*columns"),
        ("name = 'x'\ncolumns = []", r"\$.columns"),
        ("name = 'x'\ncolumns = [{field = 'amont'}]", r"\$.columns\[0\].field.*amont"),
        ("name = 'x'\ncolumns = [{field = 'amount', text = 'x'}]", "either `field` or `text`"),
        ("name = 'x'\ncolumns = [{field = 'line'}]", "Expected a column `amount`"),
        ("name = 'x'\ncolumns = [{field = 'debit'}]", "both of `debit` and `credit`"),
        ("name = 'x'\nseparator = ','\ndecimal_mark = ','", "differ|columns"),
        ("name = 'x'\nsepparator = ','", "sepparator"),
        ("name = 'x'\ndate_format = 'D.M.YY'", "date_format"),
        ("name = 'x'\n[accounts]\n9999 = '1'", "9999"),
        ("name = \"x\\u0007y\"\ncolumns = [{field = 'amount'}]", r"\$.name"),
        ("name = 'x'\nencoding = 'iso-8859-1'\ncolumns = [{field='amount',header='€'}]", "'€'"),
        ("name = 'x'\nside_debit='X'\nside_credit='X'\ncolumns=[{field='amount'}]", "to differ"),
        ("#" + " " * 70_000, "bytes"),
    ],
)
def test_a_layout_that_cannot_be_used_is_refused_with_where_and_what(toml: str, why: str) -> None:
    with pytest.raises(LayoutInvalid, match=why):
        read_layout(toml.encode())


def kept(folder: Path, format_: GlExportFormat, layout: Layout, *entries: Entry) -> Manifest:
    """An export in a folder, as `daybook gl export` leaves it."""
    with (folder / FILES[format_]).open("wb") as file:
        spool = Spool(file, writer_of(format_, layout))
        spool.begin()
        spool.add(entries)
        spooled = spool.end()
    manifest = Manifest(
        form=FORM,
        tenant="demo",
        booked_from=date(2026, 1, 1),
        booked_to=date(2026, 1, 31),
        facility=None,
        currency=None,
        format=format_,
        file=FILES[format_],
        columns=columns_of(format_, layout),
        layout=layout if format_ is GlExportFormat.CSV else None,
        position=spooled.tally.position,
        row_count=spooled.tally.row_count,
        totals=spooled.tally.totals(),
        size_bytes=spooled.size_bytes,
        sha256=spooled.sha256,
    )
    (folder / "manifest.json").write_bytes(encode_manifest(manifest))
    return manifest


def layouts() -> Sequence[Layout]:
    signed = Layout(name="s", columns=(Column(field=Field.AMOUNT),), credit_positive=True)
    sides = (Column(field=Field.DEBIT), Column(field=Field.CREDIT), Column(field=Field.FACILITY))
    return (PLAIN, read_layout(ERP), signed, Layout(name="d", columns=sides, header=False))


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("format_", GlExportFormat)
def test_an_export_verifies_and_every_change_of_it_is_found(
    tmp_path: Path, layout: Layout, format_: GlExportFormat
) -> None:
    hostile = entry(2, facility='=a"\r\nb,;', amount_minor=1), entry(2, 2, amount_minor=-1)
    manifest = kept(tmp_path, format_, layout, *PAIR, *hostile)
    assert (manifest.row_count, manifest.position) == (4, 2)
    assert verify(tmp_path) == (manifest, [])
    path = tmp_path / manifest.file
    whole = path.read_bytes()
    for changed in (whole.replace(b"125", b"126", 1), whole[:-1], whole + b"\n", b""):
        path.write_bytes(changed)
        assert any(finding.startswith("sha256") for finding in verify(tmp_path)[1])


def test_sums_that_do_not_tie_are_told_in_words(tmp_path: Path) -> None:
    manifest = kept(tmp_path, GlExportFormat.CSV, PLAIN, *PAIR, entry(3))
    findings = verify(tmp_path)[1]
    assert findings == ["balance: 250.00 debit and 125.00 credit USD differ"]
    path = tmp_path / manifest.file
    path.write_bytes(path.read_bytes().rpartition(b"3,1,")[0])
    told = " ".join(verify(tmp_path)[1])
    assert "rows: 2, the manifest says 3" in told
    assert "totals: USD 125.00 debit, 125.00 credit, the manifest says USD 250.00 debit" in told
