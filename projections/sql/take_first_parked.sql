DELETE FROM read.parked_events
 WHERE name = $1 AND build = $2
   AND position = (SELECT min(position) FROM read.parked_events
                    WHERE name = $1 AND build = $2 AND tenant = $3 AND key = $4)
RETURNING position
