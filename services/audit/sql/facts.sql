-- (Behind placed.sql or waiting.sql.) Each named event with what is kept of it and because of it:
-- the event itself, the head of its stream with the state if this is its last event, and its ledger
-- entries in one text that `ledger.booked` writes too. Bodies of about $3 bytes, at least one.
-- LIMIT 1 in the laterals keeps the plan a walk along indexes, however stale the statistics.
, sized AS (
    SELECT named.*, e.type, e.partition_key, e.recorded_at, e.body, e.metadata,
           sum(coalesce(octet_length(e.body), 0)) OVER (ORDER BY named.key, named.ordinal)
               - coalesce(octet_length(e.body), 0) AS bytes_before
      FROM named
      LEFT JOIN LATERAL (
           SELECT type, partition_key, recorded_at, body, metadata FROM daybook.events
            WHERE tenant = named.tenant AND stream_id = named.stream_id AND version = named.version
            LIMIT 1) e ON true
)
SELECT sized.key, sized.position, sized.tenant, sized.tenant_position, sized.partition,
       sized.partition_position, sized.stream_id, sized.version, sized.sequenced_at, sized.leaf,
       sized.placed, sized.type, sized.partition_key, sized.recorded_at, sized.body,
       sized.metadata, head.version AS head_version, head.account_id AS head_account,
       CASE WHEN head.version = sized.version THEN head.state END AS head_state,
       booked.lines, booked.text
  FROM sized
  LEFT JOIN LATERAL (
       SELECT version, account_id, state FROM daybook.stream_heads
        WHERE tenant = sized.tenant AND stream_id = sized.stream_id
        LIMIT 1) head ON true
 CROSS JOIN LATERAL (
       SELECT count(*) AS lines,
              string_agg(concat_ws('|', line, amount_minor, effective_on - date '2000-01-01',
                                   booked_on - date '2000-01-01', recorded_at = sized.recorded_at,
                                   length(account_id), length(facility), length(gl_account),
                                   length(currency),
                                   account_id || facility || gl_account || currency),
                         '' ORDER BY line) AS text
         FROM daybook.ledger_entries
        WHERE tenant = sized.tenant
          AND transaction_id = sized.stream_id || '-' || sized.version) booked
 WHERE bytes_before < $3
 ORDER BY sized.key, sized.ordinal
