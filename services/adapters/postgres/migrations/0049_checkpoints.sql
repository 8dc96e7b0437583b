-- What was signed of the log: one row a checkpoint, which nothing changes or removes. The note is
-- the signed text itself; size and root are what it says, for whoever looks one up.
CREATE TABLE signed_checkpoints (
    size      bigint      NOT NULL,
    root      bytea       NOT NULL,
    note      bytea       NOT NULL,
    key       text        NOT NULL,  -- the public key as name+id+key
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT signed_checkpoints_are_of_a_size PRIMARY KEY (size),
    CONSTRAINT signed_checkpoints_have_events CHECK (size >= 1),
    CONSTRAINT signed_checkpoints_are_sha256 CHECK (octet_length(root) = 32),
    CONSTRAINT signed_checkpoints_are_short CHECK (octet_length(note) <= 65536)
);
CREATE TRIGGER signed_checkpoints_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE
    ON signed_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON signed_checkpoints TO daybook_reader, daybook_auditor;
GRANT SELECT, INSERT ON signed_checkpoints TO daybook_sequencer;

-- The hashes `first` to `behind` (excluded, from 0) of a level of tiles, joined. Leaves are of any
-- tenant and say nothing of it: whoever reads one tenant needs them to prove its events.
CREATE FUNCTION tree_entries(tile_level smallint, first bigint, behind bigint) RETURNS bytea
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = daybook, pg_temp AS $$
BEGIN
    IF behind - first > 256 THEN
        RAISE EXCEPTION 'a tile has 256 hashes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF tile_level = 0 THEN
        RETURN (SELECT string_agg(leaf, '' ORDER BY position) FROM event_log
                 WHERE position > first AND position <= behind);
    END IF;
    RETURN (SELECT string_agg(root, '' ORDER BY index) FROM merkle_tiles
             WHERE level = tile_level - 1 AND index >= first AND index < behind);
END $$;
REVOKE EXECUTE ON FUNCTION tree_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tree_entries TO daybook_reader, daybook_auditor, daybook_sequencer;
