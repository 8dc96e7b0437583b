"""Calls of Stripe's API: form fields out, JSON in, and what each failure means."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from services.adapters.outbound import Answer, Away, Outbound
from services.cannot_run import CannotRun
from services.ports import GatewayMisconfigured, KeyReused
from services.settings import Secret

VERSION: Final = "2024-06-20"
"""The version of the API whose answers are understood here."""

_FORM: Final = "application/x-www-form-urlencoded"
_SECONDS_MAX: Final = 30.0  # a bank may take its time, and Stripe waits for it
_TEXT_MAX: Final = 300


class StripeRefused(Exception):
    """It was not done, and will not be under this key."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Open(Exception):
    """Nobody knows; `is_kept` says that the same key gets the same answer for a day."""

    def __init__(self, reason: str, *, is_kept: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_kept = is_kept


def stripe_outbound(key: Secret, url: str) -> Outbound:
    """The client of an account; raises CannotRun for what can be no secret key."""
    if not key.isascii() or not key.isprintable() or not key.startswith(("sk_", "rk_")):
        raise CannotRun("DAYBOOK_STRIPE_KEY is no secret key: it begins with sk_ or rk_")
    return Outbound(
        url,
        setting="DAYBOOK_STRIPE_URL",
        seconds_max=_SECONDS_MAX,
        headers={"Authorization": f"Bearer {key!s}", "Stripe-Version": VERSION},
    )


class StripeCalls:
    """Each call raises StripeRefused, Open, KeyReused or GatewayMisconfigured."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def get(self, path: str) -> dict[str, Any]:
        """What is there."""
        try:
            return _content(await self._outbound.get(path))
        except Away as away:
            raise Open(str(away)) from away

    async def post(self, path: str, form: Mapping[str, str], key: str | None) -> dict[str, Any]:
        """What became of it, now or when the key was first used."""
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            answer = await self._outbound.post(path, urlencode(form).encode(), _FORM, headers)
            return _content(answer)
        except Away as away:
            raise Open(str(away)) from away


def _content(answer: Answer) -> dict[str, Any]:
    """https://docs.stripe.com/api/errors"""
    if answer.status >= 500:
        raise Open(f"Stripe answers HTTP {answer.status}", is_kept=True)
    content = answer.json()
    if not isinstance(content, dict):
        raise Open(f"Stripe answers HTTP {answer.status} with no object")
    if answer.status == 200:
        return content
    error = content.get("error")
    raise _failure(answer.status, error if isinstance(error, dict) else {})


def _failure(status: int, error: Mapping[str, Any]) -> Exception:
    kind = error.get("type")
    code = str(error.get("decline_code") or error.get("code") or kind or status)[:_TEXT_MAX]
    message = str(error.get("message") or f"HTTP {status}")[:_TEXT_MAX]
    if kind == "idempotency_error" and status == 400:
        return KeyReused("Stripe has seen this key with other content")
    match status:
        case 401 | 403:
            return GatewayMisconfigured(
                f"Stripe does not let us in (HTTP {status}, {code}): check DAYBOOK_STRIPE_KEY"
            )
        case 400 | 402 | 404:
            return StripeRefused(code, message)
        case 409:
            return Open("the same request is being worked on")
        case 429:
            return Open("Stripe asks for fewer requests")
    return Open(f"Stripe answers HTTP {status}")
