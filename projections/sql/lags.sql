SELECT p.name, p.checkpoint, greatest(h.position - p.checkpoint, 0) AS events,
       coalesce(extract(epoch FROM clock_timestamp() - l.committed_at)::float8, 0) AS seconds,
       p.status = 'halted' AS halted
  FROM read.projections p
 CROSS JOIN daybook.log_head h
  LEFT JOIN daybook.event_log l ON l.position = p.checkpoint + 1
 WHERE p.stage = 'live'
 ORDER BY p.name
