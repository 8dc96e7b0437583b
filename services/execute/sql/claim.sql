-- Open the transaction: its tenants, its patience, and every identity that it is about.
-- The period lock is shared and held until commit: whoever seals a period takes it exclusively.
-- Identities are tried, never waited for, so two batches cannot deadlock on them.
-- What follows looks everything up by key, and for a command that comes alone its plans would cost
-- more than all else (9 of 14 ms): they are kept, and made for tables of any size.
SELECT set_config('daybook.tenants', $1, true),
       set_config('lock_timeout', $2, true),
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true),
       (SELECT count(pg_advisory_xact_lock_shared(hashtextextended('period/' || tenant, 0)))
          FROM unnest($3::text[]) AS tenant) AS periods,
       (SELECT array_agg(pg_try_advisory_xact_lock(w.key) ORDER BY w.ordinal)
          FROM unnest($4::bigint[]) WITH ORDINALITY AS w (key, ordinal)) AS mine
