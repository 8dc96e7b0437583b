-- Remittances of which a claim is parked now, with all that was noted of their claims, in order;
-- and how many of them there are from here on.
WITH parked AS (
    SELECT h.tenant, h.stream_id, count(*) OVER () AS found
    FROM stream_heads h
    WHERE h.tenant = $1
        AND ($2::text IS NULL OR h.stream_id = $2)
        AND ($3::text IS NULL OR h.stream_id > $3)
        -- As in parked_encounters.sql.
        AND h.stream_id >= 'rem' AND h.stream_id < 'ren'
        AND h.stream_id LIKE 'rem\_%'
        AND convert_from(h.state, 'UTF8')::jsonb -> 'results' @> '["parked"]'
    ORDER BY h.stream_id
    LIMIT $4
)
SELECT first.type, first.body, noted.types, noted.bodies, parked.found
FROM parked
CROSS JOIN LATERAL (  -- LIMIT 1: as in open_charges.sql
    SELECT e.type, e.body
    FROM events e
    WHERE (e.tenant, e.stream_id, e.version) = (parked.tenant, parked.stream_id, 1)
    LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT array_agg(e.type ORDER BY e.version) AS types,
           array_agg(e.body ORDER BY e.version) AS bodies
    FROM events e
    WHERE e.tenant = parked.tenant AND e.stream_id = parked.stream_id
        AND e.type LIKE 'billing.remittance.claims\_settled.v%'
) AS noted
ORDER BY parked.stream_id
