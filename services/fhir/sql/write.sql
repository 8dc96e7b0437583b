-- The next version of each of these resources, a column a value; $1 tenant, $2 when.
-- A version that somebody else has written meanwhile violates fhir_versions_are_kept_once.
WITH written AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                         $9::bigint[], $10::text[])
        AS w (type, id, version, organization_id, subject_id, status, log_position, body)
), named AS (
    SELECT * FROM unnest($11::text[], $12::text[], $13::bytea[]) AS n (type, id, token)
), heads AS (
    INSERT INTO fhir_resources (tenant, type, id, version, organization_id, subject_id, status,
                                log_position, tokens)
    SELECT $1, w.type, w.id, w.version, w.organization_id, w.subject_id, w.status, w.log_position,
           coalesce(n.tokens, '{}')
      FROM written w
      LEFT JOIN (SELECT type, id, array_agg(token) AS tokens FROM named GROUP BY type, id) n
             ON (n.type, n.id) = (w.type, w.id)
    ON CONFLICT (tenant, type, id) DO UPDATE
       SET version = excluded.version, subject_id = excluded.subject_id,
           status = excluded.status, log_position = excluded.log_position,
           tokens = excluded.tokens
     WHERE fhir_resources.version = excluded.version - 1
), versions AS (
    INSERT INTO fhir_versions (tenant, type, id, version, subject_id, updated_at, body)
    SELECT $1, type, id, version, subject_id, $2, body FROM written
)
INSERT INTO fhir_identifiers (tenant, type, token, id)
SELECT $1, type, token, id FROM named
    ON CONFLICT DO NOTHING
