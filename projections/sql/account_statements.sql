-- Statements of accounts $1 over the posting dates $2 to $3, in one statement, so that the ledger
-- is of one moment. What an invoice had outstanding on $3 is the sum of its days until then.
SELECT a.account_id, a.patient_id, a.name, a.facility, a.currency, a.language, a.version,
       -- A tag names it, and the two read models may be at different ones.
       least(a.position, (SELECT p.checkpoint FROM read.projections p
                           WHERE p.name = 'general_ledger' AND p.stage = 'live')) AS position,
       e.opening_minor, e.receivable_minor, e.credit_minor, e.lines,
       i.due_on, i.days_1_30_minor, i.days_31_60_minor, i.days_61_90_minor,
       i.days_over_90_minor
  FROM unnest($1::text[]) WITH ORDINALITY AS asked (account_id, place)
  JOIN read.account_balances a
    ON a.tenant = current_setting('daybook.tenants') AND a.account_id = asked.account_id
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(t.amount_minor) FILTER (WHERE t.booked_on < $2), 0) AS opening_minor,
              coalesce(sum(t.receivable_minor), 0) AS receivable_minor,
              coalesce(sum(t.receivable_minor - t.amount_minor), 0) AS credit_minor,
              coalesce(json_agg(json_build_object(
                  'position', t.position, 'transaction_id', t.transaction_id, 'type', t.type,
                  'booked_on', t.booked_on, 'effective_on', t.effective_on,
                  'amount_minor', t.amount_minor)
                  ORDER BY t.booked_on, t.position)
                  FILTER (WHERE t.booked_on >= $2
                          AND (t.amount_minor <> 0 OR t.entries = 1)), '[]') AS lines
         FROM (SELECT g.position, g.transaction_id, g.type, g.booked_on, g.effective_on,
                      sum(g.amount_minor) AS amount_minor, count(*) AS entries,
                      coalesce(sum(g.amount_minor) FILTER (WHERE g.gl_account = '1100'), 0)
                          AS receivable_minor
                 FROM read.general_ledger_entries g
                WHERE g.tenant = a.tenant AND g.account_id = a.account_id
                  AND g.gl_account IN ('1100', '2100') AND g.booked_on <= $3
                GROUP BY 1, 2, 3, 4, 5) t) e
 CROSS JOIN LATERAL (
       SELECT min(o.due_on) FILTER (WHERE o.minor > 0) AS due_on,
              coalesce(sum(o.minor) FILTER (WHERE o.days BETWEEN 1 AND 30), 0)
                  AS days_1_30_minor,
              coalesce(sum(o.minor) FILTER (WHERE o.days BETWEEN 31 AND 60), 0)
                  AS days_31_60_minor,
              coalesce(sum(o.minor) FILTER (WHERE o.days BETWEEN 61 AND 90), 0)
                  AS days_61_90_minor,
              coalesce(sum(o.minor) FILTER (WHERE o.days > 90), 0) AS days_over_90_minor
         FROM (SELECT r.due_on, $3::date - r.due_on AS days, sum(d.amount_minor) AS minor
                 FROM read.receivables r
                 JOIN read.receivable_days d
                   ON d.tenant = r.tenant AND d.account_id = r.account_id AND d.item = r.item
                  AND d.booked_on <= $3
                WHERE r.tenant = a.tenant AND r.account_id = a.account_id
                  AND r.due_on IS NOT NULL
                GROUP BY r.item, r.due_on
                UNION ALL
               -- On no invoice: due on its day, and what lowered it took the oldest first.
               SELECT u.booked_on, $3::date - u.booked_on,
                      least(u.amount_minor, u.owed_minor - u.newer_minor)
                 FROM (SELECT d.booked_on, d.amount_minor,
                              sum(d.amount_minor) OVER () AS owed_minor,
                              coalesce(sum(greatest(d.amount_minor, 0)) OVER newer, 0)
                                  AS newer_minor
                         FROM read.receivable_days d
                        WHERE d.tenant = a.tenant AND d.account_id = a.account_id
                          AND d.item = 'unallocated' AND d.booked_on <= $3
                       WINDOW newer AS (ORDER BY d.booked_on DESC
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) u
                WHERE u.amount_minor > 0 AND u.owed_minor > u.newer_minor) o) i
 ORDER BY asked.place
