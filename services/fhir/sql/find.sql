-- The resources of a type that a search finds, in the order of their ids, with the key of each.
-- $1 tenant, $2 type, $3 organisation ('' is all of the tenant's), $4 ids, $5 tokens, $6 statuses,
-- $7 subjects (NULL: not asked for), $8 the last id of the page before, $9 how many.
SELECT r.id, r.version, r.organization_id, r.subject_id, r.log_position, v.updated_at, v.body, k.key
  FROM fhir_resources r
  JOIN fhir_versions v USING (tenant, type, id, version)
  LEFT JOIN subject_keys k ON (k.tenant, k.subject_id) = (r.tenant, r.subject_id)
 WHERE r.tenant = $1 AND r.type = $2 AND r.id > $8
   AND ($3 = '' OR r.organization_id = $3)
   AND ($4::text[] IS NULL OR r.id = ANY ($4))
   AND ($5::bytea[] IS NULL OR r.id IN (SELECT i.id FROM fhir_identifiers i
        WHERE i.tenant = $1 AND i.type = $2 AND i.token = ANY ($5)))
   AND ($6::text[] IS NULL OR r.status = ANY ($6))
   AND ($7::text[] IS NULL OR r.subject_id = ANY ($7))
 ORDER BY r.id
 LIMIT $9
