-- Rejected messages that were retried or discarded.
UPDATE billing_intake_rejected r SET status = u.status
  FROM unnest($1::text::text[], $2::text::text[], $3::text::text[])
    AS u (tenant, rejection_id, status)
 WHERE r.tenant = u.tenant AND r.rejection_id = u.rejection_id
