"""Whatever the layout, a file says the same numbers as the entries it was written from."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.gl_export import GlExportFormat
from contracts.money import MINOR_MAX
from services.gl_export.layout import Field, Layout, decode_layout, encode_layout
from services.gl_export.manifest import FILES, FORM, Manifest, encode_manifest, verify
from services.gl_export.spooling import Spool, columns_of, writer_of
from services.gl_export.writing import Entry

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
AMOUNTS = (
    (Field.AMOUNT,),
    (Field.AMOUNT_MINOR,),
    (Field.DEBIT, Field.CREDIT),
    (Field.AMOUNT_ABSOLUTE, Field.SIDE),
)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    fields = [Field.CURRENCY, *draw(st.sampled_from(AMOUNTS))]
    fields += draw(st.lists(st.sampled_from([Field.FACILITY, Field.BOOKED_ON, Field.LINE])))
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    columns = [{"field": field} for field in draw(st.permutations(fields))]
    drawn = {
        "name": "drawn",
        "columns": columns,
        "separator": separator,
        "decimal_mark": draw(st.sampled_from([mark for mark in (".", ",") if mark != separator])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig"])),
        "header": draw(st.booleans()),
        "line_end": draw(st.sampled_from(["crlf", "lf"])),
        "credit_positive": draw(st.booleans()),
        "side_debit": draw(st.sampled_from(["S", "=D", "+"])),
        "side_credit": draw(st.sampled_from(["H", "-", "@"])),
    }
    return msgspec.convert(drawn, Layout)


@st.composite
def transactions(draw: st.DrawFn) -> tuple[Entry, Entry]:
    """A debit and its credit."""
    amount_minor = draw(st.integers(0, MINOR_MAX))
    entry = Entry(
        position=draw(st.integers(1, 10**9)),
        line=1,
        transaction_id="chg_1-1",
        type="billing.charge.captured.v1",
        booked_on=draw(st.dates(date(1900, 1, 1), date(2199, 12, 31))),
        effective_on=date(2026, 1, 1),
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        facility=draw(TEXTS),
        account_id="acc_1",
        gl_account="1100",
        currency=draw(st.sampled_from(["USD", "JPY", "BHD", "AFN"])),
        amount_minor=amount_minor,
    )
    return entry, entry._replace(line=2, gl_account="4000", amount_minor=-amount_minor)


def keep(folder: Path, format_: GlExportFormat, layout: Layout, entries: list[Entry]) -> Manifest:
    with (folder / FILES[format_]).open("wb") as file:
        spool = Spool(file, writer_of(format_, layout))
        spool.begin()
        for entry in entries:
            spool.add([entry])
        spooled = spool.end()
    manifest = Manifest(
        form=FORM,
        tenant="demo",
        booked_from=date(1900, 1, 1),
        booked_to=date(2199, 12, 31),
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


@settings(max_examples=40, deadline=None)
@given(layouts(), st.lists(transactions(), max_size=6), st.sampled_from(GlExportFormat))
def test_what_is_read_back_sums_to_what_was_booked(
    layout: Layout, booked: list[tuple[Entry, Entry]], format_: GlExportFormat
) -> None:
    entries = [entry for pair in booked for entry in pair]
    with tempfile.TemporaryDirectory() as folder:
        manifest = keep(Path(folder), format_, layout, entries)
        assert verify(Path(folder)) == (manifest, [])
    assert manifest.row_count == len(entries)


@settings(max_examples=40, deadline=None)
@given(layouts())
def test_a_layout_survives_its_storage(layout: Layout) -> None:
    assert decode_layout(encode_layout(layout)) == layout
