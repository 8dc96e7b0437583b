-- Remittances of which a claim is parked now, with all that was noted of their claims, in order.
SELECT first.type, first.body, noted.types, noted.bodies
FROM stream_heads h
JOIN events first
    ON first.tenant = h.tenant AND first.stream_id = h.stream_id AND first.version = 1
CROSS JOIN LATERAL (
    SELECT array_agg(e.type ORDER BY e.version) AS types,
           array_agg(e.body ORDER BY e.version) AS bodies
    FROM events e
    WHERE e.tenant = h.tenant AND e.stream_id = h.stream_id
        AND e.type LIKE 'billing.remittance.claims\_settled.v%'
) AS noted
WHERE h.tenant = $1
    AND ($2::text IS NULL OR h.stream_id = $2)
    AND h.stream_id LIKE 'rem\_%'
    AND convert_from(h.state, 'UTF8')::jsonb -> 'results' @> '["parked"]'
ORDER BY h.stream_id
