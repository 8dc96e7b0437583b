-- Three years of daily turnover on eight GL accounts at each of five facilities.
INSERT INTO general_ledger_totals
SELECT 'bench', 'facility-' || f, g, 'USD', date '2026-12-31' - d, 100000 + d, 90000, 10
  FROM generate_series(0, 4) AS f, generate_series(0, 1094) AS d,
       unnest(ARRAY['1010', '1030', '1100', '2100', '2200', '4000', '4900', '6110']) AS g;

ANALYZE general_ledger_totals
