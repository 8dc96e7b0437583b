-- The events of streams that are in the log, in each one's order: $1 tenant, $2 streams, $3 types.
SELECT e.stream_id, e.type, e.recorded_at, e.body, l.position
  FROM unnest($2::text[]) AS s (stream_id)
 CROSS JOIN LATERAL (SELECT * FROM events e
        WHERE e.tenant = $1 AND e.stream_id = s.stream_id AND e.type = ANY ($3)
        OFFSET 0) e  -- whatever the planner thinks of its size, by the key
  JOIN event_log l ON (l.tenant, l.stream_id, l.version) = ($1, e.stream_id, e.version)
 ORDER BY e.stream_id, e.version
