-- What a later correction must know of the past: what was adjusted on an invoice, by reason, which
-- a void takes back, and what of a payment was refunded or is asked for.
ALTER TABLE open_items DROP CONSTRAINT open_items_are_of_a_known_kind;
ALTER TABLE open_items ADD CONSTRAINT open_items_are_of_a_known_kind
    CHECK (kind IN ('charge', 'invoice', 'adjustment', 'refund'));

-- The same of what was adjusted before this release. Amounts are canonical: their digits without
-- the point are minor units.
INSERT INTO open_items (tenant, account_id, kind, item_id, outstanding_minor)
SELECT a.tenant, a.body->>'account_id', 'adjustment',
       (a.body->>'invoice_id') || '/' || (a.body->>'reason'),
       sum(CASE WHEN a.body->>'direction' = 'credit' THEN 1 ELSE -1 END
           * replace(a.body->'amount'->>'amount', '.', '')::bigint)
  FROM (SELECT tenant, convert_from(body, 'UTF8')::jsonb AS body
          FROM events WHERE type = 'billing.adjustment.applied.v1') a
 WHERE a.body ? 'invoice_id'
 GROUP BY 1, 2, 4
HAVING sum(CASE WHEN a.body->>'direction' = 'credit' THEN 1 ELSE -1 END
           * replace(a.body->'amount'->>'amount', '.', '')::bigint) <> 0;

-- A refund of less than this approves itself; without a row, none does.
CREATE TABLE refund_thresholds (
    tenant      text   NOT NULL,
    currency    text   NOT NULL,
    below_minor bigint NOT NULL,
    CONSTRAINT refund_thresholds_are_one_a_currency PRIMARY KEY (tenant, currency),
    CONSTRAINT refund_thresholds_are_no_debts CHECK (below_minor >= 0),
    CONSTRAINT refund_thresholds_are_in_a_currency CHECK (currency ~ '^[A-Z]{3}$')
);
ALTER TABLE refund_thresholds ENABLE ROW LEVEL SECURITY;
CREATE POLICY refund_thresholds_of_the_current_tenants ON refund_thresholds
    USING (tenant = ANY ((SELECT current_tenants())::text[]))
    WITH CHECK (tenant = ANY ((SELECT current_tenants())::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON refund_thresholds TO daybook_writer;
GRANT SELECT ON refund_thresholds TO daybook_reader, daybook_auditor;
