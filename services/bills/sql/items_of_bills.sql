-- The newest line items of bills, each bill's in their order. $1 tenant, $2 bills, $3 rows a bill
SELECT i.stream_id, i.type, i.body
  FROM unnest($2::text[]) AS w (bill_id)
 CROSS JOIN LATERAL (
       SELECT e.stream_id, e.version, e.type, e.body
         FROM daybook.events e
        WHERE e.tenant = $1 AND e.stream_id = w.bill_id
          AND e.type LIKE 'billing.bill.line_item_added.v%'
        ORDER BY e.version DESC LIMIT $3) i
 ORDER BY i.stream_id, i.version
