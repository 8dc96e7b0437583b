-- Encounters that need attention, in order; and how many of them there are from here on. Row-level
-- security lets no LIKE choose the rows of an index, so the range does, in whatever collation.
SELECT stream_id, state, count(*) OVER () AS found
FROM stream_heads
WHERE tenant = $1
    AND stream_id >= 'enc' AND stream_id < 'end'
    AND stream_id LIKE 'enc\_%'
    AND convert_from(state, 'UTF8') LIKE '{"type":"attention_required"%'
    AND ($2::text IS NULL OR stream_id > $2)
ORDER BY stream_id
LIMIT $3
