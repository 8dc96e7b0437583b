-- Events that neither the log nor the outbox names; at most $1.
SELECT e.tenant, e.stream_id, e.version
  FROM daybook.events e
 WHERE NOT EXISTS (
       SELECT FROM daybook.event_log l
        WHERE l.tenant = e.tenant AND l.stream_id = e.stream_id AND l.version = e.version)
   AND (e.tenant, e.stream_id || '-' || e.version) NOT IN (
       SELECT o.tenant, named.id FROM daybook.billing_outbox o, unnest(o.event_ids) AS named (id))
 ORDER BY e.tenant, e.stream_id, e.version
 LIMIT $1
