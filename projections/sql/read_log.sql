-- Events in order behind position $1 up to $2, at most $3 of them and $4 bytes, but at least one.
-- LIMIT 1 in the lateral keeps the plan a walk along two indexes, however stale the statistics.
SELECT position, tenant, stream_id, version, partition_key, type, recorded_at, body
  FROM (SELECT l.position, l.tenant, l.stream_id, l.version, e.partition_key, e.type,
               e.recorded_at, e.body,
               sum(octet_length(e.body)) OVER (ORDER BY l.position) - octet_length(e.body)
               AS bytes_before
          FROM (SELECT position, tenant, stream_id, version FROM daybook.event_log
                 WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) l
         CROSS JOIN LATERAL (
               SELECT partition_key, type, recorded_at, body FROM daybook.events
                WHERE tenant = l.tenant AND stream_id = l.stream_id AND version = l.version
                LIMIT 1) e) batch
 WHERE bytes_before < $4
 ORDER BY position
