-- Committed outbox rows in id order, whole rows, about $1 events but at least one row, and what the
-- leaf of each of their events is made of. An event that is not there comes with a NULL type.
WITH waiting AS MATERIALIZED (
    SELECT id, tenant, event_ids, committed_at
      FROM billing_outbox ORDER BY id LIMIT $1
), counted AS (
    SELECT waiting.*,
           sum(cardinality(event_ids)) OVER (ORDER BY id) - cardinality(event_ids) AS events_before
      FROM waiting
), named AS MATERIALIZED (
    SELECT counted.id, counted.tenant, counted.committed_at, event.ordinal,
           left(event.id, -1 - length(split_part(event.id, '-', -1))) AS stream_id,
           split_part(event.id, '-', -1)::bigint AS version
      FROM counted, unnest(event_ids) WITH ORDINALITY AS event (id, ordinal)
     WHERE events_before < $1
)
SELECT named.id, named.committed_at, named.tenant, named.stream_id, named.version,
       found.type, found.partition_key, found.recorded_at_us,
       found.body_digest, found.metadata_digest
  FROM named LEFT JOIN LATERAL (
       SELECT type, partition_key,
              (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us,
              sha256(body) AS body_digest, sha256(metadata) AS metadata_digest
         FROM events
        WHERE events.tenant = named.tenant AND events.stream_id = named.stream_id
          AND events.version = named.version
       ) AS found ON true
 ORDER BY named.id, named.ordinal
