-- Adds what a batch changes, one row an item and posting date, to the days and to the items.
WITH changed AS (
    SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::date[],
                         $5::text::date[], $6::text::numeric[])
        AS c (tenant, account_id, item, booked_on, due_on, amount_minor)
), days AS (
    INSERT INTO receivable_days AS d (tenant, account_id, item, booked_on, amount_minor)
    SELECT tenant, account_id, item, booked_on, amount_minor FROM changed
    ON CONFLICT (tenant, account_id, item, booked_on) DO UPDATE
       SET amount_minor = d.amount_minor + excluded.amount_minor
)
INSERT INTO receivables AS r (tenant, account_id, item, due_on, outstanding_minor,
                              first_booked_on, last_booked_on)
SELECT tenant, account_id, item, max(due_on), sum(amount_minor), min(booked_on), max(booked_on)
  FROM changed GROUP BY tenant, account_id, item
ON CONFLICT (tenant, account_id, item) DO UPDATE
   SET due_on = coalesce(excluded.due_on, r.due_on),
       outstanding_minor = r.outstanding_minor + excluded.outstanding_minor,
       first_booked_on = least(r.first_booked_on, excluded.first_booked_on),
       last_booked_on = greatest(r.last_booked_on, excluded.last_booked_on)
