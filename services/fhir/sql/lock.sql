-- Resources as they are, held until the end of the transaction, in one order for everybody:
-- $1 tenant, $2 types, $3 ids.
SELECT r.type, r.id, r.version, r.organization_id, r.subject_id, r.log_position, v.updated_at,
       v.body, k.key
  FROM fhir_resources r
  JOIN fhir_versions v USING (tenant, type, id, version)
  LEFT JOIN subject_keys k ON (k.tenant, k.subject_id) = (r.tenant, r.subject_id)
 WHERE r.tenant = $1
   AND (r.type, r.id) IN (SELECT a.type, a.id FROM unnest($2::text[], $3::text[]) AS a (type, id))
 ORDER BY r.type, r.id
   FOR UPDATE OF r
