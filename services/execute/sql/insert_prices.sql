-- Published prices; their last day is inclusive, and none is an open end.
INSERT INTO prices (tenant, facility, code, currency, effective, amount_minor, price_list_id)
SELECT p.tenant, p.facility, p.code, p.currency, daterange(p.first, p.last, '[]'), p.minor, p.list
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
              $5::text::date[], $6::text::date[], $7::text::bigint[], $8::text::text[])
    AS p (tenant, facility, code, currency, first, last, minor, list)
