-- The resources of a type that a search finds, in the order of their ids, with the key of each.
-- $1 tenant, $2 type, $3 organisation ('' is all of the tenant's), $4 ids, $5 tokens, $6 statuses,
-- $7 subjects (NULL: not asked for), $8 the last id of the page before, $9 how many.
-- $10 bytes of bodies, after which no further resource begins; found_count is without that limit.
-- What belongs to each is looked up by its key (OFFSET 0), however small the tables once were.
SELECT f.*, k.key
  FROM (
SELECT r.id, r.version, r.organization_id, r.subject_id, r.log_position, v.updated_at, v.body,
       count(*) OVER () AS found_count,
       sum(octet_length(v.body)) OVER (ORDER BY r.id) - octet_length(v.body) AS bytes_before
  FROM (SELECT * FROM fhir_resources r
         WHERE r.tenant = $1 AND r.type = $2 AND r.id > $8
           AND ($3 = '' OR r.organization_id = $3)
           AND ($4::text[] IS NULL OR r.id = ANY ($4))
           AND ($5::bytea[] IS NULL OR r.id = ANY (ARRAY(SELECT i.id FROM fhir_identifiers i
                WHERE i.tenant = $1 AND i.type = $2 AND i.token = ANY ($5))))
           AND ($6::text[] IS NULL OR r.status = ANY ($6))
           AND ($7::text[] IS NULL OR r.id = ANY (ARRAY(SELECT s.id FROM unnest($7) AS a (subject)
                CROSS JOIN LATERAL (SELECT s.id FROM fhir_resources s
                       WHERE s.subject_id = a.subject AND s.type = $2
                      OFFSET 0) s)))
         ORDER BY r.id
         LIMIT $9) r
 CROSS JOIN LATERAL (SELECT v.updated_at, v.body FROM fhir_versions v
        WHERE v.tenant = $1 AND v.type = $2 AND v.id = r.id AND v.version = r.version
        OFFSET 0) v
       ) f
  LEFT JOIN LATERAL (SELECT k.key FROM subject_keys k
        WHERE k.tenant = $1 AND k.subject_id = f.subject_id
        OFFSET 0) k ON true
 WHERE f.bytes_before < $10
 ORDER BY f.id
