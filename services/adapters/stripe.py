"""Card payments by Stripe: payment intents, refunds and saved payment methods, each under a key.

A client of our own over httpx: eight calls of form fields, where Stripe's package brings its own
retries, which would make a second request that we do not know of.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from contracts.money import Money
from services.adapters.stripe_calls import Open, StripeCalls, StripeRefused
from services.adapters.stripe_money import AmountNotTaken, stripe_amount
from services.card_numbers import refuse_card_number
from services.ports import Declined, Refunded, RefundRefused, SavedMethod, Taken, Unknown

_PAGE: Final = "100"
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}")
Json = dict[str, Any]


class Stripe:
    """See PaymentGateway; https://docs.stripe.com/api.

    Stripe keeps a key for a day at least, with whatever it answered, be it a 500. A server error is
    therefore looked up at once, and asked again hours later `find_charge` comes first.
    """

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    async def charge(
        self, payment_id: str, amount: Money, method: str, key: str
    ) -> Taken | Declined | Unknown:
        """Take money by a payment method's id, or by `<customer>/<payment method>`."""
        refuse_card_number(method)
        customer, _, payment_method = method.rpartition("/")
        try:
            form = {
                "amount": stripe_amount(amount),
                "currency": amount.currency.lower(),
                "payment_method": payment_method,
                "payment_method_types[]": "card",
                "confirm": "true",
                # Nobody is there to be asked by the bank: then it is declined.
                "off_session": "true",
                "metadata[payment_id]": payment_id,
            }
            if customer:
                form["customer"] = customer
            intent = await self._calls.post("/v1/payment_intents", form, key)
            if intent["status"] == "processing":  # as it was then: the answer is kept by the key
                intent = await self._calls.get(f"/v1/payment_intents/{_plain(intent['id'])}")
            return _of_intent(intent)
        except AmountNotTaken as refused:
            return Declined(code="amount_not_supported", message=str(refused))
        except StripeRefused as refused:
            return Declined(code=refused.code, message=refused.message)
        except Open as open_:
            return await self._look_up(payment_id, open_)

    async def _look_up(self, payment_id: str, open_: Open) -> Taken | Unknown:
        found = await self.find_charge(payment_id) if open_.is_kept else None
        # What is not there may be there soon: a search sees what is a minute old.
        return found if isinstance(found, Taken) else Unknown(reason=open_.reason)

    async def find_charge(self, payment_id: str) -> Taken | Declined | Unknown | None:
        """What became of a payment; what was made within the last minute may be missing."""
        query = {"query": f"metadata['payment_id']:'{_plain(payment_id)}'", "limit": _PAGE}
        try:
            found = await self._calls.get("/v1/payment_intents/search?" + urlencode(query))
        except (Open, StripeRefused) as away:
            return Unknown(reason=str(away))
        answers = [_of_intent(intent) for intent in found["data"]]
        # Money that was taken counts before whatever else was tried.
        for kind in (Taken, Unknown, Declined):
            for answer in answers:
                if isinstance(answer, kind):
                    return answer
        return None

    async def refund(
        self, refund_id: str, payment_reference: str, amount: Money, key: str
    ) -> Refunded | RefundRefused | Unknown:
        """Give back a part or all of a payment intent."""
        try:
            form = {
                "payment_intent": payment_reference,
                "amount": stripe_amount(amount),
                "metadata[refund_id]": refund_id,
            }
            refund = await self._calls.post("/v1/refunds", form, key)
            if refund["status"] == "pending":  # as it was then
                refund = await self._calls.get(f"/v1/refunds/{_plain(refund['id'])}")
            return _of_refund(refund)
        except AmountNotTaken as refused:
            return RefundRefused(code="amount_not_supported", message=str(refused))
        except StripeRefused as refused:
            return RefundRefused(code=refused.code, message=refused.message)
        except Open as open_:
            return await self._look_up_refund(refund_id, payment_reference, open_)

    async def _look_up_refund(
        self, refund_id: str, payment_reference: str, open_: Open
    ) -> Refunded | RefundRefused | Unknown:
        found = await self.find_refund(refund_id, payment_reference) if open_.is_kept else None
        return Unknown(reason=open_.reason) if found is None else found

    async def find_refund(
        self, refund_id: str, payment_reference: str
    ) -> Refunded | RefundRefused | Unknown | None:
        """What became of a refund: unlike a search, a payment's list has what was just made."""
        query = {"payment_intent": payment_reference, "limit": _PAGE}
        try:
            while True:
                found = await self._calls.get(f"/v1/refunds?{urlencode(query)}")
                for refund in found["data"]:
                    if refund.get("metadata", {}).get("refund_id") == refund_id:
                        return _of_refund(refund)
                if not (found["has_more"] and found["data"]):
                    return None
                query["starting_after"] = found["data"][-1]["id"]
        except StripeRefused:  # it does not have such a payment
            return None
        except Open as open_:
            return Unknown(reason=open_.reason)

    async def save_method(
        self, account_id: str, setup: str, key: str
    ) -> SavedMethod | Declined | Unknown:
        """Keep a payment method or what a setup intent made, under a customer of its own.

        Of the customer Stripe learns the account's id from us, and nothing else.
        """
        refuse_card_number(setup)
        try:
            customer, method_id = None, _plain(setup)
            if setup.startswith("seti_"):
                intent = await self._calls.get(f"/v1/setup_intents/{method_id}")
                if intent["status"] != "succeeded":
                    return Declined(code="setup_incomplete", message=f"it is {intent['status']}")
                customer, method_id = intent.get("customer"), _plain(intent["payment_method"])
            if customer is None:
                made = await self._calls.post(
                    "/v1/customers", {"metadata[account_id]": account_id}, f"{key}/customer"
                )
                customer = made["id"]
                path = f"/v1/payment_methods/{method_id}/attach"
                method = await self._calls.post(path, {"customer": customer}, f"{key}/attach")
            else:
                method = await self._calls.get(f"/v1/payment_methods/{method_id}")
            return _saved(customer, method)
        except StripeRefused as refused:
            return Declined(code=refused.code, message=refused.message)
        except Open as open_:
            return Unknown(reason=open_.reason)

    async def remove_method(self, reference: str) -> Unknown | None:
        """Detach a saved method; one that is not attached any more is as good as removed."""
        try:
            method_id = _plain(reference.rpartition("/")[2])
            await self._calls.post(f"/v1/payment_methods/{method_id}/detach", {}, None)
        except StripeRefused:
            return None
        except Open as open_:
            return Unknown(reason=open_.reason)
        return None


def _of_intent(intent: Json) -> Taken | Declined | Unknown:
    """https://docs.stripe.com/payments/paymentintents/lifecycle"""
    match intent["status"]:
        case "succeeded":
            return Taken(reference=intent["id"])
        case "processing":
            return Unknown(reason=f"Stripe is processing {intent['id']}")
        case status:
            error: Mapping[str, Any] = intent.get("last_payment_error") or {}
            code = error.get("decline_code") or error.get("code") or status
            return Declined(code=code, message=error.get("message") or f"it is {status}")


def _of_refund(refund: Json) -> Refunded | RefundRefused | Unknown:
    match refund["status"]:
        case "succeeded":
            return Refunded(reference=refund["id"])
        case "failed" | "canceled" as status:
            return RefundRefused(
                code=refund.get("failure_reason") or status, message=f"{refund['id']} is {status}"
            )
        case status:
            return Unknown(reason=f"{refund['id']} is {status}")


def _saved(customer: str, method: Json) -> SavedMethod:
    card = method["card"]
    return SavedMethod(
        reference=f"{customer}/{method['id']}",
        brand=card["brand"],
        last4=card["last4"],
        expires=f"{card['exp_year']:04}-{card['exp_month']:02}",
    )


def _plain(id_: str) -> str:
    """An id that may stand in a path or a query; raises StripeRefused."""
    if not _ID.fullmatch(id_):
        raise StripeRefused("resource_missing", "that can be no id of Stripe's")
    return id_
