-- Where an event is, and how far behind the log the slowest of some projections is: since when the
-- oldest event that it has not seen is committed. No row: no such event.
-- Who asks for no projection reads what was committed, and waits for nothing.
-- $1 tenant, $2 stream, $3 version, $4 names of projections
SELECT CASE WHEN cardinality($4) = 0 THEN coalesce(l.position, h.position) ELSE l.position END
           AS position,
       coalesce(p.checkpoint, h.position) AS checkpoint, h.position AS head, p.halted,
       extract(epoch FROM clock_timestamp()
               - coalesce(daybook.committed_at(p.checkpoint + 1), e.recorded_at))::float8
           AS behind_seconds
  FROM daybook.events e
  LEFT JOIN daybook.event_log l USING (tenant, stream_id, version)
 CROSS JOIN daybook.log_head h
 CROSS JOIN LATERAL (
       SELECT min(coalesce(live.checkpoint, 0)) AS checkpoint,
              min(asked.name) FILTER (WHERE live.status = 'halted'
                  AND (l.position IS NULL OR live.checkpoint < l.position)) AS halted
         FROM unnest($4::text[]) AS asked (name)
         LEFT JOIN (SELECT name, checkpoint, status FROM read.projections
                     WHERE stage = 'live') live USING (name)) p
 WHERE e.tenant = $1 AND e.stream_id = $2 AND e.version = $3
