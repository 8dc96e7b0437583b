-- How far everything is; $1 is the stream.
WITH relay AS (
    SELECT coalesce((SELECT position FROM relay_progress WHERE stream = $1), 0) AS position
), oldest AS (
    SELECT least(
        (SELECT committed_at FROM billing_outbox ORDER BY id LIMIT 1),
        (SELECT committed_at FROM event_log, relay
          WHERE event_log.position > relay.position ORDER BY event_log.position LIMIT 1)
    ) AS committed_at
)
SELECT (SELECT count(*) FROM billing_outbox) AS unsequenced_rows,
       log_head.position AS head_position,
       relay.position AS relay_position,
       coalesce(extract(epoch FROM clock_timestamp() - oldest.committed_at), 0)::float8
           AS oldest_unpublished_seconds,
       coalesce((SELECT extract(epoch FROM max(clock_timestamp() - xact_start))
                   FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()), 0)::float8
           AS oldest_transaction_seconds
  FROM log_head, relay, oldest
