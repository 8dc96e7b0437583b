-- The versions of a resource, the latest first, with the key of each: $1 tenant, $2 type, $3 id,
-- $4 organisation ('' is all of the tenant's), $5 one version (NULL: all), $6 how many, $7 the last
-- version of the page before (NULL: none), $8 bytes of bodies, after which no further one begins.
-- found_count is without that limit.
SELECT f.*, k.key
  FROM (
SELECT v.id, v.version, r.organization_id, v.subject_id, r.log_position, v.updated_at, v.body,
       count(*) OVER () AS found_count,
       sum(octet_length(v.body)) OVER (ORDER BY v.version DESC) - octet_length(v.body)
           AS bytes_before
  FROM fhir_resources r
 CROSS JOIN LATERAL (SELECT * FROM fhir_versions v
        WHERE v.tenant = $1 AND v.type = $2 AND v.id = $3
          AND ($5::bigint IS NULL OR v.version = $5)
          AND ($7::bigint IS NULL OR v.version < $7)
        ORDER BY v.version DESC
        LIMIT $6) v
 WHERE r.tenant = $1 AND r.type = $2 AND r.id = $3
   AND ($4 = '' OR r.organization_id = $4)
       ) f
  LEFT JOIN LATERAL (SELECT k.key FROM subject_keys k
        WHERE k.tenant = $1 AND k.subject_id = f.subject_id
        OFFSET 0) k ON true
 WHERE f.bytes_before < $8
 ORDER BY f.version DESC
