-- The letterhead of facility $1 in language $2: the facility's own before one for all facilities,
-- the language's own before one for all languages.
SELECT name, address, phone, email, tax_id, payment_instructions, calendar
  FROM daybook.letterheads
 WHERE tenant = current_setting('daybook.tenants')
   AND facility IN ($1, '*') AND language IN ($2, '*')
 ORDER BY facility = '*', language = '*'
 LIMIT 1
