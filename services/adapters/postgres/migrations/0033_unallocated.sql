-- What an account owes on no invoice is an item of its own, which payments and credit settle; and
-- credit that a refund will take is held for it from the request on.
ALTER TABLE open_items DROP CONSTRAINT open_items_are_of_a_known_kind;
ALTER TABLE open_items ADD CONSTRAINT open_items_are_of_a_known_kind
    CHECK (kind IN ('charge', 'invoice', 'adjustment', 'refund', 'unallocated', 'held'));

-- The same of what was booked before this release: adjustments of accounts, refunds of money that
-- invoices had. As a replay finds it, it is due from the day on which it was last nothing before.
WITH booked AS (
    SELECT e.tenant, e.body->>'account_id' AS account_id, (e.body->>'booked_on')::date AS booked_on,
           row_number() OVER (ORDER BY l.position NULLS LAST, e.recorded_at, e.version) AS place,
           (SELECT coalesce(sum((p->>'amount_minor')::bigint), 0)
              FROM jsonb_array_elements(e.body->'postings') p
             WHERE p->>'gl_account' = '1100') AS minor
      FROM (SELECT tenant, stream_id, version, recorded_at,
                   convert_from(body, 'UTF8')::jsonb AS body
              FROM events
             WHERE type IN ('billing.adjustment.applied.v1', 'billing.refund.issued.v1',
                            'billing.refund.failed.v1')) e
      LEFT JOIN event_log l USING (tenant, stream_id, version)
     WHERE NOT e.body ? 'invoice_id'
), running AS (
    SELECT tenant, account_id, booked_on, place, minor,
           sum(minor) OVER (PARTITION BY tenant, account_id ORDER BY place) AS owed_minor
      FROM booked WHERE minor <> 0
), last AS (
    SELECT tenant, account_id, (array_agg(owed_minor ORDER BY place DESC))[1] AS owed_minor,
           max(place) FILTER (WHERE owed_minor = minor) AS begun
      FROM running GROUP BY tenant, account_id
)
INSERT INTO open_items (tenant, account_id, kind, item_id, outstanding_minor, due_on)
SELECT l.tenant, l.account_id, 'unallocated', 'unallocated', l.owed_minor, r.booked_on
  FROM last l
  JOIN running r ON (r.tenant, r.account_id, r.place) = (l.tenant, l.account_id, l.begun)
 WHERE l.owed_minor <> 0;
