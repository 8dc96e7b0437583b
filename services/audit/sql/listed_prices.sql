-- The amounts of tenant $1's prices from list $2 with these windows, in order; NULL for none.
SELECT p.amount_minor
  FROM unnest($3::text::text[], $4::text::text[], $5::text::text[], $6::text::date[],
              $7::text::date[])
       WITH ORDINALITY AS w (facility, code, currency, first, last, n)
  LEFT JOIN daybook.prices p
    ON p.tenant = $1 AND p.price_list_id = $2 AND p.facility = w.facility AND p.code = w.code
   AND p.currency = w.currency AND p.effective = daterange(w.first, w.last, '[]')
 ORDER BY w.n
