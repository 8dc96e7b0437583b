-- What became of an account; the first word stands.
INSERT INTO statement_run_accounts (tenant, run_id, account_id, outcome, channel, reference,
                                    document, sha256, code, detail)
SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
                     $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
                     $9::text::text[], $10::text::text[])
ON CONFLICT DO NOTHING
