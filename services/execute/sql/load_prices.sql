-- The windows of the wanted facility, code and currency, and of any facility.
SELECT w.tenant, w.facility, w.code, w.currency, p.valid_from, p.valid_to, p.amount_minor,
       p.price_list_id
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
    AS w (tenant, facility, code, currency)
 CROSS JOIN LATERAL (
       SELECT lower(q.effective) AS valid_from, upper(q.effective) - 1 AS valid_to,
              q.amount_minor, q.price_list_id
         FROM prices q
        WHERE (q.tenant, q.facility, q.code, q.currency)
            = (w.tenant, w.facility, w.code, w.currency)
       OFFSET 0) p
