-- What is left of open items; all of them are there, the insert only finds them by their key.
INSERT INTO open_items (tenant, account_id, kind, item_id, outstanding_minor, due_on, number)
SELECT i.*
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
              $5::text::bigint[], $6::text::date[], $7::text::text[])
    AS i (tenant, account_id, kind, item_id, outstanding_minor, due_on, number)
    ON CONFLICT (tenant, account_id, kind, item_id) DO UPDATE
   SET outstanding_minor = excluded.outstanding_minor, due_on = excluded.due_on
