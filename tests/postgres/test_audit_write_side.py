"""Write-side state that does not follow from the events: every kind is found and named."""

from contracts.ids import event_id
from services.audit.findings import Check
from tests.fixtures.audited import (
    ACCOUNT,
    ADJUSTMENT,
    CHARGE,
    HEAD,
    INVOICE,
    OPEN_CHARGE,
    OTHER,
    OTHER_ACCOUNT,
    PAYMENT,
    PRICE_LIST,
    AuditedLedger,
    brief,
    charge_id,
)

WAITING_CHARGE = charge_id(OTHER, 2)


async def test_a_changed_ledger_entry_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE ledger_entries SET gl_account = '4100' WHERE transaction_id = $1 AND line = 2",
        event_id(CHARGE, 1),
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.LEDGER_ENTRIES, 4, CHARGE, "line 2: gl_account")]
    assert (finding.version, finding.expected, finding.found) == (1, "4000", "4100")


async def test_a_changed_amount_in_the_ledger_is_found_and_out_of_balance(
    audited: AuditedLedger,
) -> None:
    await audited.damage(
        "UPDATE ledger_entries SET amount_minor = amount_minor - 1"
        " WHERE transaction_id = $1 AND line = 2",
        event_id(PAYMENT, 1),
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.BALANCE, 8, PAYMENT, "the transaction in ledger_entries, USD"),
        (Check.LEDGER_ENTRIES, 8, PAYMENT, "line 2: amount_minor"),
    ]
    assert [(one.expected, one.found) for one in findings] == [("0", "-1"), ("-20000", "-20001")]


async def test_every_column_of_the_ledger_is_compared(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE ledger_entries SET account_id = 'a', facility = 'f', currency = 'EUR',"
        " effective_on = effective_on + 1, booked_on = booked_on + 1,"
        " recorded_at = recorded_at + interval '1 second' WHERE transaction_id = $1 AND line = 1",
        event_id(ADJUSTMENT, 1),
    )
    wrong = [one.what for one in await audited.findings() if one.check is Check.LEDGER_ENTRIES]
    columns = "account_id, facility, currency, effective_on, booked_on, recorded_at"
    assert wrong == [f"line 1: {columns}"]


async def test_missing_ledger_entries_are_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "DELETE FROM ledger_entries WHERE transaction_id = $1", event_id(CHARGE, 1)
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.LEDGER_ENTRIES, 4, CHARGE, f"line {line}: gl_account, amount_minor, currency")
        for line in (1, 2)
    ]
    assert [(one.expected, one.found) for one in findings] == [
        ("1100 12500 USD", None),
        ("4000 -12500 USD", None),
    ]


async def test_an_unbalanced_transaction_of_no_event_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO ledger_entries VALUES ('demo', 'chg_x-1', 1, '1100', $1, 'north', 5, 'USD',"
        " '2026-01-30', '2026-01-30', now())",
        ACCOUNT,
    )
    assert brief(await audited.findings()) == [
        (Check.BALANCE, None, "chg_x", "transaction chg_x-1 in USD"),
        (
            Check.LEDGER_ENTRIES,
            None,
            "chg_x",
            "transaction chg_x-1, line 1: no event booked it",
        ),
    ]


async def test_an_entry_of_an_event_that_books_nothing_is_found(audited: AuditedLedger) -> None:
    """Two lines that balance, under the id of an event that has no postings."""
    for line, minor in ((1, 700), (2, -700)):
        await audited.damage(
            "INSERT INTO ledger_entries VALUES ('demo', $1, $2, '1100', $3, 'north', $4, 'USD',"
            " '2026-01-30', '2026-01-30', now())",
            event_id(INVOICE, 1),
            line,
            ACCOUNT,
            minor,
        )
    findings = await audited.findings()
    assert [(*one[:3], one[3][:6]) for one in brief(findings)] == [
        (Check.LEDGER_ENTRIES, 6, INVOICE, "line 1"),
        (Check.LEDGER_ENTRIES, 6, INVOICE, "line 2"),
    ]


async def test_a_drifted_stream_head_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE stream_heads SET state = replace(convert_from(state, 'UTF8'), '20000', '1')::bytea"
        " WHERE stream_id = $1",
        PAYMENT,
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.STREAM_HEADS, 8, PAYMENT, "state")]
    assert finding.expected is not None
    assert finding.expected.startswith(
        f'{{"type":"posted","account_id":"{ACCOUNT}","method":"bank","amount_minor":20000,'
    )
    assert finding.found is not None
    assert '"amount_minor":1,' in finding.found


async def test_a_state_that_is_written_differently_and_means_the_same_is_well(
    audited: AuditedLedger,
) -> None:
    """Another release may order its fields differently."""
    await audited.damage(
        "UPDATE stream_heads SET state = convert_to(convert_from(state, 'UTF8')::jsonb::text,"
        " 'UTF8') WHERE stream_id = $1",
        PAYMENT,
    )
    assert await audited.findings() == []


async def test_a_state_of_a_release_that_kept_less_is_well_unless_what_it_kept_is_wrong(
    audited: AuditedLedger,
) -> None:
    rewritten = (
        "UPDATE stream_heads SET state = convert_to("
        "(convert_from(state, 'UTF8')::jsonb - 'asked' || $2::jsonb)::text, 'UTF8')"
        " WHERE stream_id = $1"
    )
    await audited.damage(rewritten, PAYMENT, "{}")
    assert await audited.findings() == []
    await audited.damage(rewritten, PAYMENT, '{"method": "cash"}')
    assert brief(await audited.findings()) == [(Check.STREAM_HEADS, 8, PAYMENT, "state")]


async def test_an_invoice_that_an_older_release_issued_is_well(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE stream_heads SET state = convert_to((convert_from(state, 'UTF8')::jsonb"
        " - 'facility' - 'charge_ids' - 'due_days')::text, 'UTF8') WHERE stream_id = $1",
        INVOICE,
    )
    assert await audited.findings() == []


async def test_a_stream_head_ahead_of_its_events_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE stream_heads SET version = version + 1 WHERE stream_id = $1", INVOICE
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.STREAM_HEADS, 7, INVOICE, "version")]
    assert (finding.expected, finding.found) == ("2", "3")


async def test_a_stream_head_behind_its_events_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE stream_heads SET version = version - 1 WHERE stream_id = $1", INVOICE
    )
    findings = await audited.findings()
    # At version 1 the draft was expected, and the state is already that of the issued invoice.
    assert brief(findings) == [
        (Check.STREAM_HEADS, 6, INVOICE, "state"),
        (Check.STREAM_HEADS, 7, INVOICE, "version"),
    ]
    assert (findings[1].expected, findings[1].found) == ("2", "1")


async def test_a_stream_head_of_another_account_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE stream_heads SET account_id = $2 WHERE stream_id = $1", CHARGE, OTHER_ACCOUNT
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.STREAM_HEADS, 4, CHARGE, "account_id")]
    assert (finding.expected, finding.found) == (ACCOUNT, OTHER_ACCOUNT)


async def test_a_missing_and_an_extra_stream_head_are_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE stream_heads SET stream_id = 'chg_x' WHERE stream_id = $1", CHARGE)
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.STREAM_HEADS, 4, CHARGE, "version"),
        (Check.STREAM_HEADS, None, "chg_x", "version"),
    ]
    assert [(one.expected, one.found) for one in findings] == [("1", None), (None, "1")]


async def test_a_drifted_account_head_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE account_heads SET receivable_minor = receivable_minor + 1, status = 'suspended'"
        " WHERE account_id = $1",
        ACCOUNT,
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.ACCOUNT_HEADS, 10, ACCOUNT, "status"),
        (Check.ACCOUNT_HEADS, 10, ACCOUNT, "receivable_minor"),
    ]
    assert [(one.expected, one.found) for one in findings] == [
        ("open", "suspended"),
        ("14500", "14501"),
    ]


async def test_a_missing_and_an_extra_account_head_are_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE account_heads SET account_id = 'acc_x' WHERE account_id = $1", ACCOUNT
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.ACCOUNT_HEADS, 10, ACCOUNT, "version"),
        (Check.ACCOUNT_HEADS, None, "acc_x", "version"),
    ]
    assert [(one.expected, one.found) for one in findings] == [("8", None), (None, "8")]


async def test_a_drifted_open_item_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE open_items SET outstanding_minor = 1, number = 'forged' WHERE item_id = $1", INVOICE
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.OPEN_ITEMS, 10, ACCOUNT, f"invoice {INVOICE} outstanding_minor"),
        (Check.OPEN_ITEMS, 10, ACCOUNT, f"invoice {INVOICE} number"),
    ]
    assert [(one.expected, one.found) for one in findings] == [
        ("2000", "1"),
        ("north-2025-000001", "forged"),
    ]


async def test_a_missing_and_an_extra_open_item_are_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE open_items SET item_id = $1 WHERE item_id = $2", CHARGE, OPEN_CHARGE
    )
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.OPEN_ITEMS, 10, ACCOUNT, f"charge {CHARGE}"),
        (Check.OPEN_ITEMS, 10, ACCOUNT, f"charge {OPEN_CHARGE}"),
    ]
    assert [(one.expected, one.found) for one in findings] == [(None, "12500"), ("12500", None)]


async def test_a_claim_of_another_stream_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE claims SET stream_id = $2 WHERE stream_id = $1", ACCOUNT, OTHER_ACCOUNT
    )
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.CLAIMS, 2, ACCOUNT, "account USD/p1")]
    assert (finding.expected, finding.found) == (ACCOUNT, OTHER_ACCOUNT)


async def test_a_missing_and_an_extra_claim_are_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE claims SET key = 'EUR/p1' WHERE stream_id = $1", ACCOUNT)
    await audited.damage("INSERT INTO claims VALUES ('demo', 'account', 'EUR/p2', $1)", ACCOUNT)
    assert brief(await audited.findings()) == [
        (Check.CLAIMS, 2, ACCOUNT, "account USD/p1"),
        (Check.CLAIMS, None, ACCOUNT, "account EUR/p1"),
        (Check.CLAIMS, None, ACCOUNT, "account EUR/p2"),
    ]


async def test_a_counter_that_was_set_is_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE counters SET value = 7")
    (finding,) = await audited.findings()
    assert brief([finding]) == [(Check.COUNTERS, None, None, "invoice/north/2025")]
    assert (finding.expected, finding.found) == ("1", "7")


async def test_a_counter_that_was_never_drawn_from_is_well(audited: AuditedLedger) -> None:
    """A refused command locks its counter, which stays at zero."""
    await audited.damage("INSERT INTO counters VALUES ('demo', 'invoice/south/2026', 0)")
    assert await audited.findings() == []


async def test_a_gap_in_the_numbers_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "UPDATE events SET body = replace(convert_from(body, 'UTF8'), '-000001', '-000002')::bytea"
        " WHERE stream_id = $1",
        INVOICE,
    )
    wrong = [one for one in await audited.findings() if one.check is Check.COUNTERS]
    assert brief(wrong) == [(Check.COUNTERS, 7, INVOICE, "number of invoice/north/2025")]
    assert (wrong[0].expected, wrong[0].found) == ("north-2025-000001", "north-2025-000002")


async def test_a_changed_price_is_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE prices SET amount_minor = 1")
    (finding,) = await audited.findings()
    what = "99213 at * in USD from 2026-01-30"
    assert brief([finding]) == [(Check.PRICES, 1, PRICE_LIST, what)]
    assert (finding.expected, finding.found) == ("9900", "1")


async def test_a_missing_and_an_extra_price_are_found(audited: AuditedLedger) -> None:
    await audited.damage("UPDATE prices SET code = '99214'")
    findings = await audited.findings()
    assert brief(findings) == [
        (Check.PRICES, 1, PRICE_LIST, "99213 at * in USD from 2026-01-30"),
        (Check.PRICES, None, PRICE_LIST, "prices of the list"),
    ]
    assert [(one.expected, one.found) for one in findings] == [("9900", None), ("0", "1")]


async def test_an_outbox_row_of_no_event_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO billing_outbox (tenant, event_ids) VALUES ('demo', '{chg_x-1}')"
    )
    (finding,) = await audited.findings()
    assert (finding.check, finding.stream_id, finding.version) == (Check.OUTBOX, "chg_x", 1)
    assert finding.what.endswith("names an event that is not there")


async def test_an_event_that_waits_and_has_a_position_is_found(audited: AuditedLedger) -> None:
    await audited.damage(
        "INSERT INTO billing_outbox (tenant, event_ids) VALUES ('demo', ARRAY[$1::text])",
        event_id(CHARGE, 1),
    )
    (finding,) = await audited.findings()
    assert (finding.check, finding.position, finding.stream_id) == (Check.OUTBOX, 4, CHARGE)
    assert finding.what.endswith("names an event that has a position")


async def test_an_event_that_was_taken_out_of_the_outbox_is_found(audited: AuditedLedger) -> None:
    """It would never get a position, and what it did to its account would look like drift."""
    await audited.damage("DELETE FROM billing_outbox")
    findings = brief(await audited.findings())
    assert findings[0] == (
        Check.EVENTS,
        None,
        WAITING_CHARGE,
        "has no position and waits for none",
    )
    drifted = (Check.ACCOUNT_HEADS, HEAD, OTHER_ACCOUNT)
    assert [one[:3] for one in findings if one[0] is Check.ACCOUNT_HEADS] == [drifted, drifted]
