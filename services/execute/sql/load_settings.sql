-- What a tenant has set: one row a tenant, the lists as JSON.
SELECT t.tenant,
       coalesce(s.time_zone, 'UTC') AS time_zone,
       s.sealed_through,
       (s.settings->'accrual')::text AS accrual,
       (SELECT jsonb_object_agg(f.facility, f.time_zone)
          FROM facility_settings f WHERE f.tenant = t.tenant)::text AS zones,
       (SELECT jsonb_agg(jsonb_build_array(r.rule, r.facility, r.code, lower(r.effective),
                                           upper(r.effective) - 1, r.rate_ppm))
          FROM tax_rules r WHERE r.tenant = t.tenant)::text AS tax_rules,
       (SELECT jsonb_object_agg(h.currency, h.below_minor)
          FROM refund_thresholds h WHERE h.tenant = t.tenant)::text AS refund_thresholds
  FROM unnest($1::text[]) AS t (tenant)
  LEFT JOIN tenant_settings s ON s.tenant = t.tenant
