-- The events of tenant $1 up to position $2: of all streams or of those in $3, of all versions or
-- of $4, in the tenant's order.
SELECT l.position, l.tenant_position, l.stream_id, l.version, e.type, e.recorded_at, e.body,
       e.metadata
  FROM daybook.event_log l
  JOIN daybook.events e USING (tenant, stream_id, version)
 WHERE l.tenant = $1 AND l.position <= $2
   AND ($3::text[] IS NULL OR l.stream_id = ANY ($3))
   AND ($4::bigint IS NULL OR l.version = $4)
 ORDER BY l.tenant_position
