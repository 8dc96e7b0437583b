"""The manifest of an export, and the proof of a file by it: digest, rows, totals.

It holds nothing of the moment: an export of the same entries has the same manifest.
"""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Final

import msgspec

from contracts.gl_export import GlExportFormat, LedgerTotal
from contracts.money import format_minor, parse_minor
from services.gl_export.layout import Field, Layout
from services.gl_export.writing import Entry

MANIFEST: Final = "manifest.json"
FILES: Final = {each: f"general-ledger.{each}" for each in GlExportFormat}
FORM: Final = 1
_CHUNK_BYTES: Final = 1024 * 1024


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. Totals are sums of its entries; debits and credits are the same."""

    form: int
    """The form of this manifest; another one would be read otherwise."""
    tenant: str
    booked_from: date
    booked_to: date
    facility: str | None
    currency: str | None
    format: GlExportFormat
    file: str
    columns: tuple[str, ...]
    layout: Layout | None
    """How a CSV file is written."""
    position: int
    """Of the last entry in the log; 0 where there is none."""
    row_count: int
    totals: tuple[LedgerTotal, ...]
    size_bytes: int
    sha256: str


def encode_manifest(manifest: msgspec.Struct) -> bytes:
    """The manifest's bytes."""
    encoded = msgspec.json.encode(manifest, order="deterministic")
    return msgspec.json.format(encoded, indent=2) + b"\n"


class Tally:
    """Counts and adds up entries as they are written."""

    def __init__(self) -> None:
        self.row_count = 0
        self.position = 0
        self._sides: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, entries: Sequence[Entry]) -> None:
        """Count these."""
        for entry in entries:
            self.add_amount(entry.currency, entry.amount_minor)
            if entry.position > self.position:
                self.position = entry.position

    def add_amount(self, currency: str, amount_minor: int) -> None:
        """Count one; debit is positive."""
        self.row_count += 1
        if amount_minor >= 0:
            self._sides[currency][0] += amount_minor
        else:
            self._sides[currency][1] -= amount_minor

    def totals(self) -> tuple[LedgerTotal, ...]:
        """By currency, in the order of their codes."""
        return tuple(
            LedgerTotal(
                currency=currency,
                debit=format_minor(debit_minor, currency),
                credit=format_minor(credit_minor, currency),
            )
            for currency, (debit_minor, credit_minor) in sorted(self._sides.items())
        )


class ManifestUnreadable(ValueError):
    """No manifest of ours."""


def verify(folder: Path) -> tuple[Manifest, list[str]]:
    """What of an export in a folder is not what its manifest says; nothing when all is well.

    Reads the file twice and keeps none of it. Raises ManifestUnreadable and OSError.
    """
    manifest = _read_manifest(folder / MANIFEST)
    path = folder / manifest.file
    with path.open("rb") as file:
        findings = list(_check_bytes(file, manifest))
    try:
        findings += _check_sums(path, manifest)
    except (ValueError, KeyError, IndexError, csv.Error) as unreadable:
        findings.append(f"{manifest.file} cannot be read: {unreadable!r}")
    return manifest, findings


def _read_manifest(path: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as wrong:
        raise ManifestUnreadable(f"{path} is no manifest of an export: {wrong}") from None
    if manifest.form != FORM or manifest.file != FILES[manifest.format]:
        raise ManifestUnreadable(f"{path} is of a form that this release does not know")
    return manifest


def _check_bytes(file: IO[bytes], manifest: Manifest) -> Iterator[str]:
    digest = hashlib.sha256()
    size_bytes = 0
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    if size_bytes != manifest.size_bytes:
        yield f"size: {size_bytes} bytes, the manifest says {manifest.size_bytes}"
    if digest.hexdigest() != manifest.sha256:
        yield f"sha256: {digest.hexdigest()}, the manifest says {manifest.sha256}"


def _check_sums(path: Path, manifest: Manifest) -> Iterator[str]:
    tally = Tally()
    amounts = _of_json(path) if manifest.layout is None else _of_csv(path, manifest)
    for currency, amount_minor in amounts:
        tally.add_amount(currency, amount_minor)
    if tally.row_count != manifest.row_count:
        yield f"rows: {tally.row_count}, the manifest says {manifest.row_count}"
    if tally.totals() != manifest.totals:
        yield f"totals: {_words(tally.totals())}, the manifest says {_words(manifest.totals)}"
    for total in manifest.totals:
        if total.debit != total.credit:
            yield f"balance: {total.debit} debit and {total.credit} credit {total.currency} differ"


def _words(totals: Iterable[LedgerTotal]) -> str:
    found = [f"{each.currency} {each.debit} debit, {each.credit} credit" for each in totals]
    return "; ".join(found) or "none"


def _of_json(path: Path) -> Iterator[tuple[str, int]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                entry = json.loads(line.rstrip("\n").rstrip(","))
                yield entry["currency"], _signed(entry, entry["currency"])


def _signed(entry: dict[str, str | None], currency: str) -> int:
    debit, credit = entry["debit"], entry["credit"]
    return _minor(debit, currency) if debit is not None else -_minor(credit or "", currency)


def _minor(amount: str, currency: str) -> int:
    return parse_minor(amount, currency)


def _of_csv(path: Path, manifest: Manifest) -> Iterator[tuple[str, int]]:
    layout = manifest.layout
    assert layout is not None
    fields = [column.field for column in layout.columns]
    with path.open(encoding=layout.encoding, newline="") as file:
        rows = csv.reader(file, delimiter=layout.separator)
        if layout.header:
            next(rows, None)
        for cells in rows:
            row = {field: cell for field, cell in zip(fields, cells, strict=True) if field}
            currency = row.get(Field.CURRENCY) or _only_currency(manifest)
            yield currency, _amount_of(row, layout, currency)


def _only_currency(manifest: Manifest) -> str:
    if len(manifest.totals) != 1:
        raise ValueError("the layout has no column `currency`, and there are several")
    return manifest.totals[0].currency


def _amount_of(row: dict[Field, str], layout: Layout, currency: str) -> int:
    def minor(field: Field) -> int:
        return _minor(row[field].replace(layout.decimal_mark, "."), currency)

    if Field.AMOUNT_MINOR in row:
        return int(row[Field.AMOUNT_MINOR])
    if Field.AMOUNT in row:
        return -minor(Field.AMOUNT) if layout.credit_positive else minor(Field.AMOUNT)
    if Field.DEBIT in row and Field.CREDIT in row:
        return minor(Field.DEBIT) if row[Field.DEBIT] else -minor(Field.CREDIT)
    if Field.AMOUNT_ABSOLUTE in row and Field.SIDE in row:
        is_debit = row[Field.SIDE].removeprefix("'") == layout.side_debit.removeprefix("'")
        return minor(Field.AMOUNT_ABSOLUTE) if is_debit else -minor(Field.AMOUNT_ABSOLUTE)
    raise ValueError("the layout has no columns that tell debits from credits")
