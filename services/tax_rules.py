"""A tenant's tax rules: what charges are taxed by, and invoices as they are issued."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from contracts.inbound import Code, FacilityCode, Id
from domain.tax import ANY, TaxRule
from services.cannot_run import CannotRun
from services.tenant_view import tenant_view

_PPM_OF_PERCENT: Final = 10_000
_RATE: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_SET: Final = (
    "INSERT INTO tax_rules (tenant, rule, facility, code, effective, rate_ppm)"
    " VALUES ($1, $2, $3, $4, daterange($5, $6, '[]'), $7)"
    " ON CONFLICT (tenant, rule) DO UPDATE SET facility = excluded.facility,"
    " code = excluded.code, effective = excluded.effective, rate_ppm = excluded.rate_ppm"
)
_LIST: Final = (
    "SELECT rule, facility, code, lower(effective) AS valid_from,"
    " upper(effective) - 1 AS valid_to, rate_ppm FROM tax_rules WHERE tenant = $1"
    " ORDER BY rule"
)
_REMOVE: Final = "DELETE FROM tax_rules WHERE tenant = $1 AND rule = $2"


class TaxRuleInvalid(ValueError):
    """What can be no tax rule; the text says why."""


class TaxRulesOverlap(CannotRun):
    """Another rule of the same facility and code is in force on some of the days."""


class ListedTaxRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as people read it: the rate in percent, the last day inclusive."""

    rule: str
    rate: str
    facility: str
    code: str
    valid_from: date
    valid_to: date | None


def tax_rule(
    rule: str, rate: str, facility: str, code: str, valid_from: date, valid_to: date | None
) -> TaxRule:
    """A rule of a rate in percent, with up to four decimals; raises TaxRuleInvalid."""
    try:
        msgspec.convert(rule, Id)
        msgspec.convert(facility if facility != ANY else "any", FacilityCode)
        msgspec.convert(code if code != ANY else "any", Code)
    except msgspec.ValidationError as invalid:
        raise TaxRuleInvalid(f"a name, a facility or a code that can be none: {invalid}") from None
    if valid_to is not None and valid_to < valid_from:
        raise TaxRuleInvalid(f"the last day {valid_to} lies before the first, {valid_from}")
    return TaxRule(rule, facility, code, valid_from, valid_to, _rate_ppm(rate))


def _rate_ppm(rate: str) -> int:
    rate_ppm = int(Decimal(rate) * _PPM_OF_PERCENT) if _RATE.fullmatch(rate) else -1
    if not 0 <= rate_ppm <= 100 * _PPM_OF_PERCENT:
        raise TaxRuleInvalid(f"a rate from 0 to 100 percent, up to four decimals, not {rate!r}")
    return rate_ppm


async def set_tax_rule(pool: asyncpg.Pool, tenant: str, rule: TaxRule) -> None:
    """Set a rule, instead of the one of its name; raises TaxRulesOverlap.

    What is charged or issued from now on is taxed by it. The pool acts as daybook_writer.
    """
    name, facility, code, valid_from, valid_to, rate_ppm = rule
    days = (valid_from, valid_to)
    try:
        async with tenant_view(pool, tenant) as connection:
            await connection.execute(_SET, tenant, name, facility, code, *days, rate_ppm)
    except asyncpg.ExclusionViolationError:
        raise TaxRulesOverlap(
            f"another rule for code {code} at facility {facility} is in force on some of the days "
            "of this one: end that one first, by setting its last day"
        ) from None


async def list_tax_rules(pool: asyncpg.Pool, tenant: str) -> list[ListedTaxRule]:
    """A tenant's rules, by name."""
    async with tenant_view(pool, tenant, readonly=True) as connection:
        rows = await connection.fetch(_LIST, tenant)
    return [
        ListedTaxRule(
            rule=row["rule"],
            rate=f"{Decimal(row['rate_ppm']) / _PPM_OF_PERCENT:f}",
            facility=row["facility"],
            code=row["code"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
        )
        for row in rows
    ]


async def remove_tax_rule(pool: asyncpg.Pool, tenant: str, rule: str) -> bool:
    """Forget a rule, as if it had never been; tells if it was there."""
    async with tenant_view(pool, tenant) as connection:
        done: str = await connection.execute(_REMOVE, tenant, rule)
    return done != "DELETE 0"
