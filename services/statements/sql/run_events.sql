-- The start of a run and, once it has ended, its end: the runs of a day share a stream.
-- $1 tenant, $2 stream, $3 version of the start, $4 run
SELECT e.version, e.type, e.body, e.metadata, e.recorded_at
  FROM daybook.events e
 WHERE e.tenant = $1 AND e.stream_id = $2
   AND (e.version = $3
        OR e.version > $3 AND convert_from(e.body, 'UTF8')::jsonb ->> 'run_id' = $4)
 ORDER BY e.version LIMIT 2
