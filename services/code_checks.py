"""Codes of charges are looked up before a charge is decided, outside of any transaction.

What the tenant has loaded or connected decides; codes of other systems are taken as they are and
marked so. What cannot be looked up is not captured: it fails closed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from prometheus_client import Counter

from contracts.charge import CodeStatus
from domain.charge import CaptureCharge, CodeRefused
from domain.rejections import CodeUnverified
from services.execute.envelope import TENANT
from services.ports import Coded, CodeValidator, Finding, Verdict

UNVERIFIED: Final = CodeUnverified.code
MODIFIERS: Final = "#modifiers"
"""What a code system's URI ends with where the modifiers of its codes are loaded."""

_CHECKED: Final = Counter("daybook_codes_checked", "Charges by what their codes are", ["verdict"])
# Shown as 0 from the start: a rule sees no increase in a series that begins with its first one.
for _verdict in Verdict:
    _CHECKED.labels(_verdict.value)


class CodeChecks:
    """Asks each validator about what those before it do not know; it is an `Examine`.

    Whether a charge is a repeat, which is answered whatever its code is by now, the domain knows.
    """

    def __init__(self, validators: Sequence[CodeValidator]) -> None:
        self._validators = validators

    async def __call__(self, commands: Sequence[tuple[str, Any]]) -> Sequence[Any]:
        """Charges say what was found of their codes; the rest is as it was."""
        asked = {
            place: coded_of(tenant, command)
            for place, (tenant, command) in enumerate(commands)
            if isinstance(command, CaptureCharge) and TENANT.fullmatch(tenant)
        }
        findings = await self._find({coded for codes in asked.values() for coded in codes})
        examined = [command for _, command in commands]
        for place, codes in asked.items() if findings else ():
            examined[place] = _examined(examined[place], codes, findings)
        return examined

    async def _find(self, codes: Collection[Coded]) -> Mapping[Coded, Finding]:
        findings: dict[Coded, Finding] = {}
        for validator in self._validators:
            open_ = [coded for coded in codes if coded not in findings]
            if open_:
                findings.update(await validator.check(open_))
        return findings


def coded_of(tenant: str, charge: CaptureCharge) -> list[Coded]:
    """The codes of a charge: its own first, then its modifiers, which have a system beside."""
    on = charge.service_on
    if not charge.modifiers:
        return [Coded(tenant, charge.system, charge.code, on)]
    system = charge.system + MODIFIERS
    modifiers = [Coded(tenant, system, modifier, on) for modifier in charge.modifiers]
    return [Coded(tenant, charge.system, charge.code, on), *modifiers]


def _examined(
    charge: CaptureCharge, codes: Sequence[Coded], findings: Mapping[Coded, Finding]
) -> CaptureCharge:
    found = [findings[coded] for coded in codes if coded in findings]
    for verdict in (Verdict.INVALID, Verdict.UNVERIFIED):
        for finding in found:
            if finding.verdict is verdict:
                _CHECKED.labels(verdict.value).inc()
                is_open = verdict is Verdict.UNVERIFIED
                refused = CodeRefused(detail=finding.detail, is_open=is_open)
                return msgspec.structs.replace(charge, code_refused=refused)
    if codes[0] not in findings:
        return charge
    _CHECKED.labels(Verdict.VALID.value).inc()
    return msgspec.structs.replace(charge, code_status=CodeStatus.VALIDATED)
