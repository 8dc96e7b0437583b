-- A page of the bills whose claims lie between two names, the last first, with their states.
-- $1 tenant, $2 first name, $3 name before which to end, $4 rows, $5 how many to pass over
SELECT c.stream_id, h.version, h.state
  FROM (SELECT k.tenant, k.stream_id, k.key
          FROM daybook.claims k
         WHERE k.tenant = $1 AND k.kind = 'bill'
           AND k.key >= $2 AND k.key < $3
         ORDER BY k.key DESC LIMIT $4 OFFSET $5) c
 CROSS JOIN LATERAL (
       SELECT s.version, s.state
         FROM daybook.stream_heads s
        WHERE (s.tenant, s.stream_id) = (c.tenant, c.stream_id)
        LIMIT 1) h
 ORDER BY c.key DESC
