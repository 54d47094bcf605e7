-- The ledger in the long run: rows say how they are sealed, and days that are old enough are thinned to one origin in
-- 15 and whatever happened. Of a row that went the chain keeps a link: see Link in seal.go.

-- +goose Up
ALTER TABLE site_forecast ADD COLUMN seal_version integer NOT NULL DEFAULT 1; -- rows that are there were sealed by the first
ALTER TABLE site_forecast ADD COLUMN body_hash bytea; -- NULL in version 1; 32 bytes

-- The links of the rows that went from one day of one chain, in order of origin.
CREATE TABLE ledger_thinned (
    site_id     bigint NOT NULL,
    segment     text NOT NULL,
    day         timestamptz NOT NULL, -- UTC midnight the origins follow
    thinned_at  timestamptz NOT NULL,
    origins     timestamptz[] NOT NULL CHECK (cardinality(origins) >= 1),
    states      text[] NOT NULL CHECK (cardinality(states) = cardinality(origins)),
    body_hashes bytea NOT NULL CHECK (octet_length(body_hashes) = 32 * cardinality(origins)), -- one after the other
    PRIMARY KEY (site_id, segment, day)
) PARTITION BY RANGE (day);
CREATE TRIGGER ledger_thinned_insert_only BEFORE UPDATE OR DELETE ON ledger_thinned
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Days that were thinned, also those of which nothing could go: nobody looks at them again.
CREATE TABLE ledger_thinned_day (
    day        timestamptz NOT NULL PRIMARY KEY,
    thinned_at timestamptz NOT NULL,
    kept       bigint NOT NULL,
    removed    bigint NOT NULL
);

-- +goose Down
DROP TABLE ledger_thinned_day, ledger_thinned;
ALTER TABLE site_forecast DROP COLUMN body_hash;
ALTER TABLE site_forecast DROP COLUMN seal_version;
