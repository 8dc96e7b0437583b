-- Where an event is, and how far the slowest of some projections is. No row: no such event.
-- $1 tenant, $2 stream, $3 version, $4 names of projections
SELECT l.position,
       extract(epoch FROM clock_timestamp() - coalesce(l.committed_at, e.recorded_at))::float8
           AS committed_ago_seconds,
       (SELECT min(coalesce(p.checkpoint, 0)) FROM unnest($4::text[]) AS asked (name)
          LEFT JOIN (SELECT name, checkpoint FROM read.projections WHERE stage = 'live') p
         USING (name)
       ) AS checkpoint,
       (SELECT position FROM daybook.log_head) AS head,
       (SELECT min(name) FROM read.projections
         WHERE stage = 'live' AND status = 'halted' AND name = ANY ($4::text[])
           AND (l.position IS NULL OR checkpoint < l.position)) AS halted
  FROM daybook.events e
  LEFT JOIN daybook.event_log l USING (tenant, stream_id, version)
 WHERE e.tenant = $1 AND e.stream_id = $2 AND e.version = $3
