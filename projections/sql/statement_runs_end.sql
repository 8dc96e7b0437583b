UPDATE statement_runs r
   SET status = e.status, total = e.total, delivered = e.delivered, made = e.made,
       skipped = e.skipped, failed = e.failed, digest = e.digest, ended_at = e.ended_at,
       code = e.code, detail = e.detail, version = e.version
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[],
              $5::text::bigint[], $6::text::bigint[], $7::text::bigint[], $8::text::bigint[],
              $9::text::text[], $10::text::timestamptz[], $11::text::text[], $12::text::text[],
              $13::text::bigint[])
       AS e (tenant, run_id, status, total, delivered, made, skipped, failed, digest, ended_at,
             code, detail, version)
 WHERE r.tenant = e.tenant AND r.run_id = e.run_id
