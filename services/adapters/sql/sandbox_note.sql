-- The answer to a key, once: asked again it is told again, and counted.
INSERT INTO sandbox_gateway
    (key, kind, names, digest, reference, of_reference, token, amount_minor, answer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (key) DO UPDATE SET times_asked = sandbox_gateway.times_asked + 1
RETURNING kind, digest, answer, times_asked
