-- Events of the outbox rows behind id $1, at most $2 rows; `placed` is the position that an event
-- has already, though it should have none.
WITH named AS MATERIALIZED (
    SELECT o.id AS key, event.ordinal, NULL::bigint AS position, o.tenant,
           NULL::bigint AS tenant_position, NULL::smallint AS partition,
           NULL::bigint AS partition_position, event.stream_id, event.version,
           NULL::timestamptz AS sequenced_at, NULL::bytea AS leaf, l.position AS placed
      FROM (SELECT id, tenant, event_ids FROM daybook.billing_outbox
             WHERE id > $1 ORDER BY id LIMIT $2) o
     CROSS JOIN LATERAL (
           SELECT ordinal, left(id, -1 - length(split_part(id, '-', -1))) AS stream_id,
                  split_part(id, '-', -1)::bigint AS version
             FROM unnest(o.event_ids) WITH ORDINALITY AS e (id, ordinal)) event
      LEFT JOIN daybook.event_log l
        ON l.tenant = o.tenant AND l.stream_id = event.stream_id AND l.version = event.version
)
