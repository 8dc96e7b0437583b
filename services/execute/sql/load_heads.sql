-- Version and state of streams, and the account whose lock guards each.
SELECT h.tenant, h.stream_id, h.version, h.account_id, h.state
  FROM stream_heads h
  JOIN unnest($1::text::text[], $2::text::text[]) AS w (tenant, stream_id)
    USING (tenant, stream_id)
