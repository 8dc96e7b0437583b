-- The bills whose claims lie between two names, in the order of these, with their states.
-- $1 tenant, $2 first name, $3 name before which to end
SELECT c.stream_id, h.version, h.state
  FROM daybook.claims c
 CROSS JOIN LATERAL (
       SELECT s.version, s.state
         FROM daybook.stream_heads s
        WHERE (s.tenant, s.stream_id) = (c.tenant, c.stream_id)
        LIMIT 1) h
 WHERE c.tenant = $1 AND c.kind = 'bill'
   AND c.key >= $2 AND c.key < $3
 ORDER BY c.key
