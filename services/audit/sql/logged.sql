-- Events of the log behind position $1 and up to $2, of one tenant ($3) where it is given, at most
-- $4 and of about $5 bytes.
WITH named AS MATERIALIZED (
    SELECT position, tenant, tenant_position, stream_id, version, sequenced_at, leaf
      FROM daybook.event_log
     WHERE position > $1 AND position <= $2 AND ($3::text IS NULL OR tenant = $3)
     ORDER BY position LIMIT $4
), sized AS (
    SELECT named.*, e.type, e.recorded_at, e.body, e.metadata,
           sum(octet_length(e.body)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)
               - octet_length(e.body) AS bytes_before
      FROM named
      LEFT JOIN LATERAL (
           SELECT type, recorded_at, body, metadata FROM daybook.events
            WHERE tenant = named.tenant AND stream_id = named.stream_id AND version = named.version
            LIMIT 1) e ON true
)
SELECT * FROM sized WHERE bytes_before IS NULL OR bytes_before < $5 ORDER BY position
