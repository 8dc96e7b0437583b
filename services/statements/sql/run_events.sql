-- The start of a run and, once it has ended, its end. $1 tenant, $2 stream, $3 version of the start
SELECT e.version, e.type, e.body, e.metadata, e.recorded_at
  FROM daybook.events e
 WHERE e.tenant = $1 AND e.stream_id = $2 AND e.version BETWEEN $3 AND $3 + 1
 ORDER BY e.version
