-- Exports before a page, the latest first. $1 position before which to begin, $2 rows
SELECT gl_export_id, status, booked_from, booked_to, facility, currency, format, layout,
       requested_at, ended_at, row_count, totals::text AS totals, size_bytes, sha256,
       manifest_sha256, cut_at, code, detail, version, position
  FROM read.gl_exports
 WHERE tenant = current_setting('daybook.tenants') AND position < $1
 ORDER BY position DESC LIMIT $2
