"""Addresses of people: taken when a message to them can be sent without a doubt about who gets it.

RFC 5321 and 5322 allow more than anybody has; E.164 is all there is of telephone numbers.
"""

import re
from typing import Final

_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TELEPHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_BETWEEN: Final = "[ ()./-]"
TELEPHONE_PATTERN: Final = rf"^{_BETWEEN}*\+{_BETWEEN}*[1-9]({_BETWEEN}*[0-9]){{6,14}}{_BETWEEN}*$"
"""What `telephone_number` takes, for schemas."""

_ADDRESS_MAX: Final = 254
_LOCAL_MAX: Final = 64


class AddressInvalid(ValueError):
    """Nothing can be sent there; the text says what is wrong, and not the address."""


def mail_address(text: str) -> str:
    """The address as it goes on the wire, the domain in ASCII; raises AddressInvalid."""
    local, at, domain = text.rpartition("@")
    if not at or not domain or not local:
        raise AddressInvalid("that is no e-mail address: it has no name@domain")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        raise AddressInvalid("that is no e-mail address: its domain can be none") from None
    if not _DOMAIN.fullmatch(domain):
        raise AddressInvalid("that is no e-mail address: its domain can be none")
    if len(local) > _LOCAL_MAX or not _LOCAL.fullmatch(local):
        raise AddressInvalid("before the @ are letters A-Z, digits and .!#$%&'*+/=?^_`{|}~- alone")
    address = f"{local}@{domain}"
    if len(address) > _ADDRESS_MAX:
        raise AddressInvalid(f"an e-mail address has at most {_ADDRESS_MAX} characters")
    return address


def telephone_number(text: str) -> str:
    """The number as E.164 writes it, +995555123456; raises AddressInvalid."""
    number = re.sub(_BETWEEN, "", text)
    if not _TELEPHONE.fullmatch(number):
        raise AddressInvalid("that is no telephone number: write it as +995 555 12 34 56")
    return number
