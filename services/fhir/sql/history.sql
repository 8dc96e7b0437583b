-- The versions of a resource, the latest first, with the key of each: $1 tenant, $2 type, $3 id,
-- $4 organisation ('' is all of the tenant's), $5 one version (NULL: all), $6 how many.
SELECT v.id, v.version, r.organization_id, v.subject_id, r.log_position, v.updated_at, v.body, k.key
  FROM fhir_resources r
 CROSS JOIN LATERAL (SELECT * FROM fhir_versions v
        WHERE v.tenant = $1 AND v.type = $2 AND v.id = $3
          AND ($5::bigint IS NULL OR v.version = $5)
        ORDER BY v.version DESC
        LIMIT $6) v
  LEFT JOIN LATERAL (SELECT k.key FROM subject_keys k
        WHERE k.tenant = $1 AND k.subject_id = v.subject_id
        OFFSET 0) k ON true
 WHERE r.tenant = $1 AND r.type = $2 AND r.id = $3
   AND ($4 = '' OR r.organization_id = $4)
 ORDER BY v.version DESC
