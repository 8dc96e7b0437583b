"""Codes of charges are looked up before a charge is decided, outside of any transaction.

What the tenant has loaded or connected decides; codes of other systems are taken as they are and
marked so. What cannot be looked up is not captured: it fails closed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from prometheus_client import Counter

from contracts.charge import CodeStatus
from domain.charge import CaptureCharge
from services.execute.envelope import TENANT, Envelope, Refused
from services.ports import Coded, CodeValidator, Finding, Verdict

UNVERIFIED: Final = "CODE_UNVERIFIED"
MODIFIERS: Final = "#modifiers"
"""What a code system's URI ends with where the modifiers of its codes are loaded."""

_CODES: Final = {Verdict.INVALID: "CODE_INVALID", Verdict.UNVERIFIED: UNVERIFIED}
_CAPTURED: Final = (
    "SELECT h.tenant, h.stream_id FROM unnest($1::text[], $2::text[]) AS w (tenant, stream_id)"
    " JOIN stream_heads h USING (tenant, stream_id)"
)
_CHECKED: Final = Counter("daybook_codes_checked", "Charges by what their codes are", ["verdict"])


class CodeChecks:
    """Asks each validator about what those before it do not know; it is an `Examine`.

    The pool acts as daybook_writer.
    """

    def __init__(self, validators: Sequence[CodeValidator], pool: asyncpg.Pool) -> None:
        self._validators = validators
        self._pool = pool

    async def __call__(self, envelopes: Sequence[Envelope]) -> Sequence[Envelope | Refused]:
        """Charges whose codes hold are marked so, others are refused; the rest is as it was."""
        asked = {
            place: coded_of(envelope.tenant, envelope.command)
            for place, envelope in enumerate(envelopes)
            if isinstance(envelope.command, CaptureCharge) and TENANT.fullmatch(envelope.tenant)
        }
        findings = await self._find({coded for codes in asked.values() for coded in codes})
        if not findings:
            return envelopes
        examined: list[Envelope | Refused] = list(envelopes)
        refused: dict[int, Refused] = {}
        for place, codes in asked.items():
            finding = _worst(codes, findings)
            if finding.verdict is not Verdict.VALID:
                refused[place] = _refusal(finding)
            elif codes[0] in findings:
                examined[place] = _validated(envelopes[place])
                _CHECKED.labels(Verdict.VALID.value).inc()
        for place in await self._not_captured(envelopes, refused):
            examined[place] = refused[place]
            _CHECKED.labels(refused[place].code.removeprefix("CODE_").lower()).inc()
        return examined

    async def _find(self, codes: Collection[Coded]) -> Mapping[Coded, Finding]:
        findings: dict[Coded, Finding] = {}
        for validator in self._validators:
            open_ = [coded for coded in codes if coded not in findings]
            if open_:
                findings.update(await validator.check(open_))
        return findings

    async def _not_captured(
        self, envelopes: Sequence[Envelope], places: Collection[int]
    ) -> list[int]:
        """Those that are no repeats: what was captured once is answered as it was."""
        if not places:
            return []
        names = {
            place: (envelopes[place].tenant, envelopes[place].command.charge_id) for place in places
        }
        tenants, charges = map(list, zip(*names.values(), strict=True))
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(
                "SELECT set_config('daybook.tenants', $1, true)", ",".join(sorted(set(tenants)))
            )
            rows: list[Any] = await connection.fetch(_CAPTURED, tenants, charges)
        captured = {(row["tenant"], row["stream_id"]) for row in rows}
        return [place for place, name in names.items() if name not in captured]


def coded_of(tenant: str, charge: CaptureCharge) -> list[Coded]:
    """The codes of a charge: its own first, then its modifiers, which have a system beside."""
    on = charge.service_on
    modifiers = charge.system + MODIFIERS
    return [
        Coded(tenant, charge.system, charge.code, on),
        *(Coded(tenant, modifiers, modifier, on) for modifier in charge.modifiers),
    ]


def _worst(codes: Sequence[Coded], findings: Mapping[Coded, Finding]) -> Finding:
    found = [findings[coded] for coded in codes if coded in findings]
    for verdict in (Verdict.INVALID, Verdict.UNVERIFIED):
        for finding in found:
            if finding.verdict is verdict:
                return finding
    return Finding(Verdict.VALID)


def _refusal(finding: Finding) -> Refused:
    # What could not be verified may be taken a moment later, under the same identity.
    is_open = finding.verdict is Verdict.UNVERIFIED
    return Refused(code=_CODES[finding.verdict], detail=finding.detail, transient=is_open)


def _validated(envelope: Envelope) -> Envelope:
    command = msgspec.structs.replace(envelope.command, code_status=CodeStatus.VALIDATED)
    return msgspec.structs.replace(envelope, command=command)
