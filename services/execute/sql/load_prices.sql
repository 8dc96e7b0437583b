-- The windows of the wanted facility, code and currency, and of any facility.
SELECT p.tenant, p.facility, p.code, p.currency, lower(p.effective) AS valid_from,
       upper(p.effective) - 1 AS valid_to, p.amount_minor, p.price_list_id
  FROM (SELECT DISTINCT w.tenant, w.facility, w.code, w.currency
          FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
            AS w (tenant, facility, code, currency)) wanted
  JOIN prices p USING (tenant, facility, code, currency)
