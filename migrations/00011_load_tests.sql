-- Load tests as they are imported, and what was made of them.

-- +goose Up
ALTER TABLE load_test
    ADD COLUMN file        text NOT NULL DEFAULT '',
    ADD COLUMN imported_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN imported_by text NOT NULL DEFAULT '',
    ADD COLUMN notes       text[] NOT NULL DEFAULT '{}' CHECK (cardinality(notes) <= 50),
    ADD COLUMN concurrency double precision[] NOT NULL DEFAULT '{}', -- NaN: the tool did not report it
    ADD COLUMN seconds     double precision[] NOT NULL DEFAULT '{}',
    ADD COLUMN spread_rpm  double precision[] NOT NULL DEFAULT '{}',
    ADD COLUMN digest      bytea; -- of the steps: the same result is not counted twice
ALTER TABLE load_test
    ADD CONSTRAINT load_test_steps CHECK (cardinality(offered_rpm) BETWEEN 1 AND 500
        AND cardinality(concurrency) = cardinality(offered_rpm) AND cardinality(seconds) = cardinality(offered_rpm)
        AND cardinality(spread_rpm) = cardinality(offered_rpm));
CREATE UNIQUE INDEX load_test_once ON load_test (site_id, units, digest);

-- What one unit serves was changed because of load tests: who, from what to what, on which evidence.
CREATE TABLE capacity_change (
    site_id      bigint NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    number       integer NOT NULL CHECK (number >= 1),
    at           timestamptz NOT NULL,
    set_by       text NOT NULL,
    from_rpm     double precision NOT NULL, -- requests a minute a unit; 0: unknown
    to_rpm       double precision NOT NULL CHECK (to_rpm > 0 AND to_rpm < 'Infinity'),
    low_rpm      double precision NOT NULL,
    high_rpm     double precision NOT NULL, -- Infinity: the limit was not reached
    tested_units integer NOT NULL CHECK (tested_units >= 1),
    test_ids     text[] NOT NULL,
    words        text NOT NULL,
    PRIMARY KEY (site_id, number)
);
CREATE TRIGGER capacity_change_no_update BEFORE UPDATE ON capacity_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE capacity_change;
DROP INDEX load_test_once;
ALTER TABLE load_test DROP CONSTRAINT load_test_steps;
ALTER TABLE load_test DROP COLUMN file, DROP COLUMN imported_at, DROP COLUMN imported_by, DROP COLUMN notes,
    DROP COLUMN concurrency, DROP COLUMN seconds, DROP COLUMN spread_rpm, DROP COLUMN digest;
