-- The events that brought the lines of these invoices, in their order.
SELECT e.tenant, e.stream_id, e.type, e.body
  FROM unnest($1::text::text[], $2::text::text[]) AS w (tenant, stream_id)
 CROSS JOIN LATERAL (
       SELECT v.tenant, v.stream_id, v.version, v.type, v.body
         FROM events v
        WHERE (v.tenant, v.stream_id) = (w.tenant, w.stream_id)
          AND (v.type LIKE 'billing.invoice.drafted.v%'
               OR v.type LIKE 'billing.invoice.lines_added.v%')
       OFFSET 0) e
 ORDER BY e.tenant, e.stream_id, e.version
