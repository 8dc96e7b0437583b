-- Append a batch of commands: everything that is true together is written together.
-- $1 is the moment of decision; the rest are columns of equal length per table. Heads alone have
-- the say on versions, however `events` is stored: what each had before it was moved is added up,
-- and the caller gives up unless that is what was loaded. A head never goes back, so one that
-- somebody else moved makes the sum larger, and nothing makes it smaller again.
WITH appended AS (
    INSERT INTO events (tenant, stream_id, version, type, partition_key, recorded_at, body,
                        metadata)
    SELECT e.tenant, e.stream_id, e.version, e.type, e.partition_key, $1, e.body, e.metadata
      FROM unnest($2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::text[],
                  $6::text::text[], $7::bytea[], $8::bytea[])
        AS e (tenant, stream_id, version, type, partition_key, body, metadata)
), booked AS (
    INSERT INTO ledger_entries (tenant, transaction_id, line, gl_account, account_id, facility,
                                amount_minor, currency, effective_on, booked_on, recorded_at)
    SELECT l.tenant, l.transaction_id, l.line, l.gl_account, l.account_id, l.facility,
           l.amount_minor, l.currency, l.effective_on, l.booked_on, $1
      FROM unnest($9::text::text[], $10::text::text[], $11::text::smallint[], $12::text::text[],
                  $13::text::text[], $14::text::text[], $15::text::bigint[], $16::text::text[],
                  $17::text::date[], $18::text::date[])
        AS l (tenant, transaction_id, line, gl_account, account_id, facility,
              amount_minor, currency, effective_on, booked_on)
), opened AS (
    INSERT INTO stream_heads (tenant, stream_id, version, account_id, state)
    SELECT h.tenant, h.stream_id, h.version, h.account_id, h.state
      FROM unnest($19::text::text[], $20::text::text[], $21::text::bigint[], $22::text::text[],
                  $23::bytea[])
        AS h (tenant, stream_id, version, account_id, state)
), accounts AS (
    INSERT INTO account_heads (tenant, account_id, version, facility, currency, status,
                               receivable_minor, credit_minor)
    SELECT a.tenant, a.account_id, a.version, a.facility, a.currency, a.status,
           a.receivable_minor, a.credit_minor
      FROM unnest($24::text::text[], $25::text::text[], $26::text::bigint[], $27::text::text[],
                  $28::text::text[], $29::text::text[], $30::text::bigint[], $31::text::bigint[])
        AS a (tenant, account_id, version, facility, currency, status, receivable_minor,
              credit_minor)
    ON CONFLICT (tenant, account_id) DO UPDATE
       SET version = excluded.version, status = excluded.status,
           receivable_minor = excluded.receivable_minor, credit_minor = excluded.credit_minor
    RETURNING old.version
), items AS (
    INSERT INTO open_items (tenant, account_id, kind, item_id, outstanding_minor, due_on, number)
    SELECT i.tenant, i.account_id, i.kind, i.item_id, i.outstanding_minor, i.due_on, i.number
      FROM unnest($32::text::text[], $33::text::text[], $34::text::text[], $35::text::text[],
                  $36::text::bigint[], $37::text::date[], $38::text::text[])
        AS i (tenant, account_id, kind, item_id, outstanding_minor, due_on, number)
), outbox AS (
    INSERT INTO billing_outbox (tenant, event_ids)
    SELECT o.tenant, string_to_array(o.event_ids, ' ')
      FROM unnest($39::text::text[], $40::text::text[])
           WITH ORDINALITY AS o (tenant, event_ids, ordinal)
     ORDER BY o.ordinal
), inbox AS (
    INSERT INTO billing_inbox (tenant, consumer, source, id, payload_hash, stream_id, version,
                               token, recorded_at)
    SELECT i.tenant, i.consumer, i.source, i.id, i.payload_hash, i.stream_id, i.version, i.token,
           $1
      FROM unnest($41::text::text[], $42::text::text[], $43::text::text[], $44::text::text[],
                  $45::bytea[], $46::text::text[], $47::text::bigint[], $48::text::text[])
        AS i (tenant, consumer, source, id, payload_hash, stream_id, version, token)
), moved AS (
    -- All of them are there; the insert only finds them by their key, without a join to plan.
    INSERT INTO stream_heads (tenant, stream_id, version, state)
    SELECT m.tenant, m.stream_id, m.version, m.state
      FROM unnest($49::text::text[], $50::text::text[], $51::text::bigint[], $52::bytea[])
        AS m (tenant, stream_id, version, state)
    ON CONFLICT (tenant, stream_id) DO UPDATE
       SET version = excluded.version, state = excluded.state
    RETURNING old.version
), answered AS (
    -- The answers by Idempotency-Key: a result to be rendered again, a domain refusal, or what
    -- became of each item of a group.
    INSERT INTO billing_idempotency (tenant, method, path, key, request_hash, stream_id, version,
                                     token, refusal, items, recorded_at)
    SELECT a.tenant, a.method, a.path, a.key, a.request_hash, a.stream_id, a.version, a.token,
           a.refusal, a.items, $1
      FROM unnest($53::text::text[], $54::text::text[], $55::text::text[], $56::text::text[],
                  $57::bytea[], $58::text::text[], $59::text::bigint[], $60::text::text[],
                  $61::bytea[], $62::bytea[])
        AS a (tenant, method, path, key, request_hash, stream_id, version, token, refusal, items)
)
SELECT coalesce((SELECT sum(m.version) FROM moved m), 0)::bigint AS moved,
       coalesce((SELECT sum(a.version) FROM accounts a), 0)::bigint AS accounts
