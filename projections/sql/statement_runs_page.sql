-- Runs before a page, the latest first. $1 position before which to begin, $2 rows
SELECT run_id, status, facility, first_on, as_of, channels::text AS channels, started_at, ended_at,
       total, delivered, made, skipped, failed, digest, code, detail, version, position
  FROM read.statement_runs
 WHERE tenant = current_setting('daybook.tenants') AND position < $1
 ORDER BY position DESC LIMIT $2
