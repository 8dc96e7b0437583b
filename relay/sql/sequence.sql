-- One batch in order. Everything hangs on the head: if it is not where the leader left it ($1),
-- nothing is written and nothing returned.
WITH head AS (
    UPDATE log_head
       SET position = position + cardinality($2::text[]),
           sequenced_at = greatest(clock_timestamp(), sequenced_at)
     WHERE position = $1
    RETURNING sequenced_at
), added AS (
    INSERT INTO event_log (position, tenant, tenant_position, partition, partition_position,
                           stream_id, version, sequenced_at, committed_at, leaf)
    SELECT $1 + event.ordinal, event.tenant, event.tenant_position, event.partition,
           event.partition_position, event.stream_id, event.version, head.sequenced_at,
           event.committed_at, event.leaf
      FROM head, unnest($2::text[], $3::bigint[], $4::smallint[], $5::bigint[], $6::text[],
                        $7::bigint[], $8::timestamptz[], $9::bytea[]) WITH ORDINALITY
             AS event (tenant, tenant_position, partition, partition_position, stream_id, version,
                       committed_at, leaf, ordinal)
), filled AS (
    INSERT INTO merkle_tiles (level, index, hashes, root)
    SELECT tile.level, tile.index, tile.hashes, tile.root
      FROM head, unnest($10::smallint[], $11::bigint[], $12::bytea[], $13::bytea[])
             AS tile (level, index, hashes, root)
), counted AS (
    INSERT INTO tenant_log_heads (tenant, tenant_position, partition_positions)
    SELECT here.tenant, here.tenant_position, here.partition_positions::bigint[]
      FROM head, unnest($14::text[], $15::bigint[], $16::text[])
             AS here (tenant, tenant_position, partition_positions)
    ON CONFLICT (tenant) DO UPDATE
       SET tenant_position = excluded.tenant_position,
           partition_positions = excluded.partition_positions
), done AS (
    DELETE FROM billing_outbox USING head WHERE id = ANY ($17::bigint[]) RETURNING id
)
SELECT head.sequenced_at, (SELECT count(*) FROM done) AS rows_done,
       pg_notify('daybook_log', ($1 + cardinality($2::text[]))::text)
  FROM head
