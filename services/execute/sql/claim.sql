-- Open the transaction: its tenants, its patience, and every identity that it is about.
-- The period lock is shared and held until commit: whoever seals a period takes it exclusively.
-- Identities are tried, never waited for, so two batches cannot deadlock on them.
SELECT set_config('daybook.tenants', $1, true),
       set_config('lock_timeout', $2, true),
       (SELECT count(pg_advisory_xact_lock_shared(hashtextextended('period/' || tenant, 0)))
          FROM unnest($3::text[]) AS tenant) AS periods,
       (SELECT array_agg(pg_try_advisory_xact_lock(w.key) ORDER BY w.ordinal)
          FROM unnest($4::bigint[]) WITH ORDINALITY AS w (key, ordinal)) AS mine
