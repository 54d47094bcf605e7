-- Who may write, and what a restart begins from. River's tables stand in a schema of their own; its
-- migrator fills it straight after these files.

-- +goose Up
-- Taking a lease raises its epoch, and every write of engine and ingest checks the epoch it was given:
-- a holder that was paused and wakes up writes nothing.
CREATE TABLE lease (
    name       text PRIMARY KEY CHECK (name <> ''),
    holder     text NOT NULL,
    epoch      bigint NOT NULL CHECK (epoch >= 0),
    expires_at timestamptz NOT NULL -- by the database's clock
) WITH (fillfactor = 50);

CREATE TABLE model_state (
    series   text COLLATE "C" PRIMARY KEY CHECK (series <> ''),
    origin   timestamptz NOT NULL,
    blob     bytea NOT NULL,
    saved_at timestamptz NOT NULL
) WITH (fillfactor = 50);
-- Snapshots are compressed by their writer or not at all; trying again costs and gains nothing.
ALTER TABLE model_state ALTER COLUMN blob SET STORAGE EXTERNAL;

CREATE SCHEMA IF NOT EXISTS river;

-- +goose Down
DROP SCHEMA river CASCADE;
DROP TABLE model_state, lease;
