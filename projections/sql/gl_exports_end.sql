UPDATE gl_exports x
   SET status = e.status, row_count = e.row_count, totals = e.totals, size_bytes = e.size_bytes,
       sha256 = e.sha256, manifest_sha256 = e.manifest_sha256, ended_at = e.ended_at,
       cut_at = e.cut_at, code = e.code, detail = e.detail, version = e.version
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[],
              $5::text::jsonb[], $6::text::bigint[], $7::text::text[], $8::text::text[],
              $9::text::timestamptz[], $10::text::bigint[], $11::text::text[], $12::text::text[],
              $13::text::bigint[])
       AS e (tenant, gl_export_id, status, row_count, totals, size_bytes, sha256, manifest_sha256,
             ended_at, cut_at, code, detail, version)
 WHERE x.tenant = e.tenant AND x.gl_export_id = e.gl_export_id
