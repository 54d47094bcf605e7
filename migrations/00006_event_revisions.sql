-- What was known of a planned event, and since when. Rows are only added: a forecast made before a change
-- or a removal must be reproducible after it, so what it knew may not go.

-- +goose Up
CREATE TABLE planned_event_revision (
    event_id       text NOT NULL, -- evt_…; the event itself may be gone
    revision       integer NOT NULL CHECK (revision >= 1),
    site_id        bigint NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    kind           text NOT NULL CHECK (kind <> ''),
    name           text NOT NULL,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz CHECK (ends_at >= starts_at),
    expected_reach double precision CHECK (expected_reach >= 0 AND expected_reach < 'Infinity'),
    known_at       timestamptz NOT NULL, -- no forecast issued before knows of it
    made_at        timestamptz NOT NULL,
    withdrawn      boolean NOT NULL,
    PRIMARY KEY (event_id, revision)
);
CREATE INDEX planned_event_revision_by_site ON planned_event_revision (site_id, starts_at);
CREATE INDEX planned_event_by_account ON planned_event (account_id, starts_at, id);
INSERT INTO planned_event_revision (event_id, revision, site_id, kind, name, starts_at, ends_at, expected_reach, known_at, made_at, withdrawn)
SELECT id, 1, site_id, kind, name, starts_at, ends_at, expected_reach, announced_at, created_at, false FROM planned_event;

-- What the model was told of planned events, minute by minute beside fed_minute; NULL: nothing changed.
ALTER TABLE site_forecast ADD COLUMN fed_plans json;

-- +goose Down
ALTER TABLE site_forecast DROP COLUMN fed_plans;
DROP INDEX planned_event_by_account;
DROP TABLE planned_event_revision;
