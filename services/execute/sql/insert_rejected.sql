-- Messages that could not be taken, whole and sealed.
INSERT INTO billing_intake_rejected (tenant, rejection_id, subject, source, message_id,
                                     message_type, code, detail, subject_id, content, received_at)
SELECT *
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[],
              $5::text::text[], $6::text::text[], $7::text::text[], $8::text::text[],
              $9::text::text[], $10::text::text[], $11::text::timestamptz[])
