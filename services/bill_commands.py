"""The commands of bills and billing periods, as `commands.py` has all others."""

from operator import attrgetter
from typing import Final

from domain import bill, bill_adding, bill_making, period
from services.command_specs import Needs, Spec, alone, on_account

BILL_COMMANDS: Final = (
    on_account(bill_making.CreateBill, bill.BILL, "bill_id", "billing:bill:write"),
    on_account(bill.ActivateBill, bill.BILL, "bill_id", "billing:bill:write"),
    on_account(bill_adding.AddLineItem, bill.BILL, "bill_id", "billing:bill:write"),
    Spec(
        bill_adding.AddFee,
        bill.BILL,
        lambda command: command.bill_ids[0],
        attrgetter("account_id"),
        Needs.NOTHING,
        "billing:bill:write",
    ),
    on_account(
        bill.CloseBill, bill.BILL, "bill_id", "billing:bill:write", Needs.CARDS | Needs.NUMBER
    ),
    on_account(
        bill.RetryBill, bill.BILL, "bill_id", "billing:bill:write", Needs.CARDS | Needs.NUMBER
    ),
    on_account(bill.FinishBill, bill.BILL, "bill_id", "billing:bill:write"),
    on_account(bill.RequireAttention, bill.BILL, "bill_id", "billing:bill:write"),
    alone(period.StartPeriod, period.PERIOD, "stream_id", "billing:bill:write"),
    alone(period.ClosePeriod, period.PERIOD, "stream_id", "billing:bill:write"),
)
