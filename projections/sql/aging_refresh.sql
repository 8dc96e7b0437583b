-- Computes the reports of facilities $1, each as of a date in $2 with its time zone in $3, and
-- writes them in one statement: everything in them is of one moment, the checkpoint included.
-- What was booked behind a date does not count; what is outstanding now is taken where nothing was.
WITH asked AS (
    SELECT * FROM unnest($1::text[], $2::date[], $3::text[]) AS a (facility, as_of, time_zone)
), accounts AS MATERIALIZED (
    SELECT b.account_id, b.currency, a.facility, a.as_of
      FROM asked a
      JOIN read.account_balances b
        ON b.tenant = current_setting('daybook.tenants') AND b.facility = a.facility
), items AS (
    SELECT b.facility, b.account_id, b.currency, r.item, b.as_of - r.due_on AS days,
           r.outstanding_minor AS minor
      FROM accounts b
      JOIN read.receivables r
        ON r.tenant = current_setting('daybook.tenants') AND r.account_id = b.account_id
       AND r.outstanding_minor <> 0 AND r.last_booked_on <= b.as_of
     UNION ALL
    SELECT b.facility, b.account_id, b.currency, r.item, b.as_of - r.due_on,
           sum(d.amount_minor)
      FROM accounts b
      JOIN read.receivables r
        ON r.tenant = current_setting('daybook.tenants') AND r.account_id = b.account_id
       AND r.last_booked_on > (SELECT min(as_of) FROM asked) AND r.last_booked_on > b.as_of
       AND r.first_booked_on <= b.as_of
      JOIN read.receivable_days d
        ON d.tenant = current_setting('daybook.tenants') AND d.account_id = r.account_id
       AND d.item = r.item AND d.booked_on <= b.as_of
     GROUP BY b.facility, b.account_id, b.currency, r.item, b.as_of, r.due_on
    HAVING sum(d.amount_minor) <> 0
), aged AS MATERIALIZED (
    SELECT facility, account_id, currency,
           coalesce(sum(minor) FILTER (WHERE days <= 0), 0) AS current,
           coalesce(sum(minor) FILTER (WHERE days BETWEEN 1 AND 30), 0) AS days_1_30,
           coalesce(sum(minor) FILTER (WHERE days BETWEEN 31 AND 60), 0) AS days_31_60,
           coalesce(sum(minor) FILTER (WHERE days BETWEEN 61 AND 90), 0) AS days_61_90,
           coalesce(sum(minor) FILTER (WHERE days > 90), 0) AS days_over_90,
           coalesce(sum(minor) FILTER (WHERE item = 'unbilled'), 0) AS unbilled,
           coalesce(sum(minor) FILTER (WHERE item = 'unallocated'), 0) AS unallocated,
           coalesce(sum(minor) FILTER (WHERE item = 'credit'), 0) AS credit
      FROM items GROUP BY facility, account_id, currency
), reports AS (
    INSERT INTO read.aging_reports (tenant, facility, as_of, time_zone, position, refreshed_at)
    SELECT current_setting('daybook.tenants'), a.facility, a.as_of, a.time_zone, p.checkpoint,
           clock_timestamp()
      FROM asked a
      JOIN read.projections p ON p.name = 'account_balances' AND p.stage = 'live'
    RETURNING tenant, report, facility
), listed AS (
    INSERT INTO read.aging_accounts
        (tenant, report, account_id, currency, current, days_1_30, days_31_60, days_61_90,
         days_over_90, unbilled, unallocated, credit)
    SELECT n.tenant, n.report, g.account_id, g.currency, g.current, g.days_1_30, g.days_31_60,
           g.days_61_90, g.days_over_90, g.unbilled, g.unallocated, g.credit
      FROM aged g JOIN reports n USING (facility)
)
INSERT INTO read.aging_totals
    (tenant, report, currency, accounts, current, days_1_30, days_31_60, days_61_90, days_over_90,
     unbilled, unallocated, credit)
SELECT n.tenant, n.report, g.currency, count(*), sum(g.current), sum(g.days_1_30),
       sum(g.days_31_60), sum(g.days_61_90), sum(g.days_over_90), sum(g.unbilled),
       sum(g.unallocated), sum(g.credit)
  FROM aged g JOIN reports n USING (facility)
 GROUP BY n.tenant, n.report, g.currency
