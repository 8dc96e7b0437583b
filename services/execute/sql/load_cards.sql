-- The saved cards of these accounts, with those that were removed.
SELECT c.tenant, c.stream_id
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, account_id)
 CROSS JOIN LATERAL (
       SELECT s.tenant, s.stream_id
         FROM stream_heads s
        WHERE (s.tenant, s.account_id) = (w.tenant, w.account_id) AND s.stream_id LIKE 'pmt\_%'
       OFFSET 0) c
