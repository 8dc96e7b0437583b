-- What encounters, remittances and so on began with, who sent them, and where they stand now.
SELECT w.stream_id, e.type, e.body, e.metadata, e.recorded_at, h.state
  FROM unnest($2::text[]) AS w (stream_id)
 CROSS JOIN LATERAL (
       SELECT f.type, f.body, f.metadata, f.recorded_at
         FROM events f
        WHERE (f.tenant, f.stream_id, f.version) = ($1, w.stream_id, 1)
        LIMIT 1) e
 CROSS JOIN LATERAL (
       SELECT s.state
         FROM stream_heads s
        WHERE (s.tenant, s.stream_id) = ($1, w.stream_id)
        LIMIT 1) h
