-- Where everything stands, in one row: from what was taken in to what can be read.
SELECT (SELECT position FROM log_head) AS events,
       (SELECT count(*) FROM billing_outbox) AS unsequenced,
       (SELECT coalesce(max(position), 0) FROM relay_progress) AS published,
       (SELECT coalesce(min(checkpoint), 0) FROM projections WHERE stage = 'live') AS projected,
       (SELECT count(*) FROM projections WHERE status = 'halted') AS halted,
       (SELECT count(*) FROM billing_intake_rejected WHERE status = 'open') AS rejected,
       (SELECT count(*) FROM fhir_refused) AS fhir_refused,
       (SELECT count(*) FROM stream_heads WHERE stream_id LIKE 'chg\_%') AS charges,
       (SELECT count(*) FROM stream_heads WHERE stream_id LIKE 'enc\_%'
           AND convert_from(state, 'UTF8') LIKE '{"type":"received"%') AS encounters_open,
       (SELECT count(*) FROM stream_heads WHERE stream_id LIKE 'enc\_%'
           AND convert_from(state, 'UTF8') LIKE '{"type":"attention_required"%')
           AS encounters_parked,
       (SELECT count(*) FROM stream_heads WHERE stream_id LIKE 'rem\_%'
           AND convert_from(state, 'UTF8') LIKE '{"type":"working"%') AS remittances_open
