-- Heads of resources, held until the end of the transaction; whoever names several names them in
-- the order of type and id, which is the order of the locks. $1 tenant, $2 types, $3 ids.
SELECT r.type, r.id, r.version, r.organization_id, r.log_position, r.tokens
  FROM unnest($2::text[], $3::text[]) AS a (type, id)
 CROSS JOIN LATERAL (SELECT * FROM fhir_resources r
        WHERE r.tenant = $1 AND r.type = a.type AND r.id = a.id
          FOR UPDATE) r
