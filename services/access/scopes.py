"""Every scope that a token may carry, with what it lets its bearer do."""

from typing import Final

SCOPES: Final = {
    "billing:account:write": "open accounts, save and remove payment methods",
    "billing:account:suspend": "suspend and reinstate accounts",
    "billing:charge:write": "capture charges",
    "billing:charge:price": "state the price of a charge",
    "billing:charge:reverse": "reverse charges",
    "billing:invoice:draft": "draft invoices",
    "billing:invoice:issue": "issue invoices",
    "billing:invoice:void": "void invoices",
    "billing:payment:post": "post payments, allocate credit",
    "billing:refund:request": "request refunds",
    "billing:refund:approve": "approve and reject refunds that somebody else requested",
    "billing:adjustment:post": "apply adjustments",
    "billing:pricelist:manage": "publish price lists",
    "billing:statement:run": "start statement runs",
    "billing:gl:export": "export the general ledger",
    "billing:bill:write": "add and change line items of bills, close bills",
    "billing:bill:read": "read bills",
    "billing:read": "read accounts, charges, invoices, payments, refunds and price lists",
    "billing:report:read": "read reports",
    "billing:events:read": "read the tenant's events",
    "billing:audit:read": "read what an audit needs",
    "billing:fhir:read": "read FHIR resources",
    "billing:fhir:write": "make and change FHIR resources",
    "billing:workflow:run": "run configured workflows",
    "billing:workflow:sync": "store configured workflows",
    "billing:period:close": "close periods",
    "billing:subject:forget": "forget a person",
    "billing:tenant:admin": "administer the tenant: settings, rejected intake",
}
ALL_SCOPES: Final = frozenset(SCOPES)
