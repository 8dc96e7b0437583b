"""The commands of bills and billing periods, as `commands.py` has all others."""

from typing import Final

from domain import bill, bill_adding, bill_making, period
from services.command_specs import Needs, Spec, no_account, own_account

BILL_COMMANDS: Final = (
    Spec(
        bill_making.CreateBill,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        bill.ActivateBill,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        bill_adding.AddLineItem,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        bill_adding.AddFee,
        bill.BILL,
        lambda command: command.bill_ids[0],
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        bill.CloseBill,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.CARDS | Needs.NUMBER,
        "billing:bill:write",
    ),
    Spec(
        bill.RetryBill,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.CARDS | Needs.NUMBER,
        "billing:bill:write",
    ),
    Spec(
        bill.FinishBill,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        bill.RequireAttention,
        bill.BILL,
        lambda command: command.bill_id,
        own_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        period.StartPeriod,
        period.PERIOD,
        lambda command: command.stream_id,
        no_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
    Spec(
        period.ClosePeriod,
        period.PERIOD,
        lambda command: command.stream_id,
        no_account,
        Needs.NOTHING,
        "billing:bill:write",
    ),
)
