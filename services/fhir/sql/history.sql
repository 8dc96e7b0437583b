-- The versions of a resource, the latest first, with the key of each: $1 tenant, $2 type, $3 id,
-- $4 organisation ('' is all of the tenant's), $5 one version (NULL: all), $6 how many,
-- $7 those before this version.
SELECT v.id, v.version, r.organization_id, v.subject_id, r.log_position, v.updated_at, v.body, k.key
  FROM fhir_versions v
  JOIN fhir_resources r USING (tenant, type, id)
  LEFT JOIN subject_keys k ON (k.tenant, k.subject_id) = (v.tenant, v.subject_id)
 WHERE v.tenant = $1 AND v.type = $2 AND v.id = $3
   AND ($4 = '' OR r.organization_id = $4)
   AND ($5::bigint IS NULL OR v.version = $5)
   AND v.version < $7
 ORDER BY v.version DESC
 LIMIT $6
