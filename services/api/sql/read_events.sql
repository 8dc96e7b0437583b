-- A tenant's events after its position $2 in its order: at most $3, and of bodies about $4 bytes,
-- but at least one.
SELECT tenant_position, position, partition_position, stream_id, version, type, partition_key,
       recorded_at, body, metadata
  FROM (SELECT log.tenant_position, log.position, log.partition_position, log.stream_id,
               log.version, events.type, events.partition_key, events.recorded_at, events.body,
               events.metadata,
               sum(octet_length(events.body)) OVER (ORDER BY log.tenant_position)
                   - octet_length(events.body) AS bytes_before
          FROM (SELECT * FROM event_log WHERE tenant = $1 AND tenant_position > $2
                 ORDER BY tenant_position LIMIT $3) AS log
          JOIN events USING (tenant, stream_id, version)) AS sized
 WHERE bytes_before < $4
 ORDER BY tenant_position
