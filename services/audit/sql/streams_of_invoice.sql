-- The streams of tenant $1 that an invoice ($2) is made from and settled by: what its own events
-- name ($3), and what of its account names it.
SELECT h.stream_id
  FROM daybook.stream_heads h
 WHERE h.tenant = $1
   AND h.account_id = (SELECT i.account_id FROM daybook.stream_heads i
                        WHERE i.tenant = $1 AND i.stream_id = $2)
   AND (h.stream_id = $2 OR h.stream_id = ANY ($3::text[])
        OR EXISTS (SELECT FROM daybook.events e
                    WHERE e.tenant = $1 AND e.stream_id = h.stream_id
                      AND position(convert_to($2, 'UTF8') IN e.body) > 0))
 ORDER BY h.stream_id
