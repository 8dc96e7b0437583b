UPDATE periods p
   SET closed_at = e.closed_at, closed_by = e.closed_by
  FROM unnest($1::text::text[], $2::text::text[], $3::text::timestamptz[], $4::text::text[])
    AS e (tenant, period_id, closed_at, closed_by)
 WHERE p.tenant = e.tenant AND p.period_id = e.period_id
