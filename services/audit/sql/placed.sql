-- Events of the log behind position $1, at most $2 of them.
WITH named AS MATERIALIZED (
    SELECT position AS key, 0::bigint AS ordinal, position, tenant, tenant_position, partition,
           partition_position, stream_id, version, sequenced_at, leaf, NULL::bigint AS placed
      FROM daybook.event_log
     WHERE position > $1 ORDER BY position LIMIT $2
)
