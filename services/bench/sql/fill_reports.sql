-- 10,000 accounts of five facilities with ten open invoices and ten settled ones each, booked day
-- by day over two years.
INSERT INTO account_balances
SELECT 'bench', 'acc_' || n, 'p' || n, NULL, 'facility-' || n % 5, 'USD', 'en', 'open',
       10 * 12500, 0, 0, 0, 0, 0, 1, n
  FROM generate_series(1, 10000) AS n;

INSERT INTO receivables
SELECT 'bench', 'acc_' || n, 'inv_' || n || '_' || i,
       date '2026-12-31' - (n * 7 + i * 31) % 200, CASE WHEN i <= 10 THEN 12500 ELSE 0 END,
       date '2026-12-31' - 30 - (n * 7 + i * 31) % 700,
       date '2026-12-31' - (n * 7 + i * 31) % 700 + CASE WHEN i <= 10 THEN -30 ELSE 0 END
  FROM generate_series(1, 10000) AS n, generate_series(1, 20) AS i;

INSERT INTO receivable_days
SELECT tenant, account_id, item, first_booked_on, 12500 FROM receivables
 UNION ALL
SELECT tenant, account_id, item, last_booked_on, -12500 FROM receivables
 WHERE outstanding_minor = 0 AND last_booked_on > first_booked_on;

ANALYZE account_balances, receivables, receivable_days
