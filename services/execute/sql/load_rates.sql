-- What is loaded for these exchanges, on whatever days.
SELECT w.tenant, w.surface, w.currency, w.into_currency, r.valid_from, r.valid_to, r.rate
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
    AS w (tenant, surface, currency, into_currency)
 CROSS JOIN LATERAL (
       SELECT lower(x.effective) AS valid_from, upper(x.effective) - 1 AS valid_to, x.rate
         FROM exchange_rates x
        WHERE (x.tenant, x.surface, x.currency, x.into_currency)
            = (w.tenant, w.surface, w.currency, w.into_currency)
       OFFSET 0) r
