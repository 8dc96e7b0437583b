-- What encounters and remittances began with, who sent them, and where they stand now.
SELECT e.stream_id, e.type, e.body, e.metadata, h.state
  FROM events e
  JOIN stream_heads h USING (tenant, stream_id)
 WHERE e.tenant = $1 AND e.stream_id = ANY ($2) AND e.version = 1
