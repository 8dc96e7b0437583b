-- Take identities that are taken once; a taken one fails the batch, and its command is refused.
INSERT INTO claims (tenant, kind, key, stream_id)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
