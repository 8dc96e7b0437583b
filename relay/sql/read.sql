-- Events after position $1 in order: at most $2, and of bodies about $3 bytes, but at least one.
SELECT position, tenant, partition, partition_position, stream_id, version, committed_at,
       type, partition_key, recorded_at, body, metadata
  FROM (SELECT log.position, log.tenant, log.partition, log.partition_position, log.stream_id,
               log.version, log.committed_at, events.type, events.partition_key,
               events.recorded_at, events.body, events.metadata,
               sum(octet_length(events.body)) OVER (ORDER BY log.position)
                   - octet_length(events.body) AS bytes_before
          FROM (SELECT * FROM event_log WHERE position > $1 ORDER BY position LIMIT $2) AS log
          JOIN events USING (tenant, stream_id, version)) AS sized
 WHERE bytes_before < $3
 ORDER BY position
