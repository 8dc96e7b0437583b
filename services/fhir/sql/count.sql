-- How many resources a search finds in all: $1 to $7 as in find.sql.
SELECT count(*)
  FROM fhir_resources r
 WHERE r.tenant = $1 AND r.type = $2
   AND ($3 = '' OR r.organization_id = $3)
   AND ($4::text[] IS NULL OR r.id = ANY ($4))
   AND ($5::bytea[] IS NULL OR r.id = ANY (ARRAY(SELECT i.id FROM fhir_identifiers i
        WHERE i.tenant = $1 AND i.type = $2 AND i.token = ANY ($5))))
   AND ($6::text[] IS NULL OR r.status = ANY ($6))
   AND ($7::text[] IS NULL OR r.id = ANY (ARRAY(SELECT s.id FROM unnest($7) AS a (subject)
        CROSS JOIN LATERAL (SELECT s.id FROM fhir_resources s
               WHERE s.subject_id = a.subject AND s.type = $2
              OFFSET 0) s)))
