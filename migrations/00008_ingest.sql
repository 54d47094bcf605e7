-- What the sources page shows, and what a feed lost.

-- +goose Up
-- One row a source, written by the process that holds its lease about every ten seconds. Everything in it
-- concerns the feed as a whole: no topic, no post, no account.
CREATE TABLE source_health (
    source_id     bigint PRIMARY KEY REFERENCES source (id),
    state         text NOT NULL CHECK (state IN ('connecting', 'catching_up', 'live', 'waiting', 'stopped')),
    holder        text NOT NULL,
    since         timestamptz NOT NULL, -- when it entered that state
    last_event_at timestamptz,
    watermark     timestamptz, -- minutes before it are complete
    lag_seconds   double precision NOT NULL CHECK (lag_seconds >= 0),
    per_second    double precision NOT NULL CHECK (per_second >= 0), -- events read, over the last minute
    events        bigint NOT NULL,
    mentions      bigint NOT NULL,
    duplicates    bigint NOT NULL,
    reconnects    bigint NOT NULL,
    gap_seconds   double precision NOT NULL CHECK (gap_seconds >= 0), -- of the last 24 hours
    dropped       jsonb NOT NULL CHECK (jsonb_typeof(dropped) = 'object'), -- by reason
    warning       text NOT NULL, -- for a person; empty: none
    last_error    text NOT NULL, -- of the last connection; empty: none
    approximate_until timestamptz, -- organic and authors were counted with part of their memory lost
    spent_millicents  bigint NOT NULL DEFAULT 0, -- this month, all accounts
    rules         integer NOT NULL, -- version of the counting rules, see ingest_rules
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What cannot be read any more. The minutes it touches are missing, never zero.
CREATE TABLE ingest_gap (
    source_id bigint NOT NULL REFERENCES source (id),
    from_at   timestamptz NOT NULL,
    to_at     timestamptz NOT NULL CHECK (to_at > from_at),
    reason    text NOT NULL CHECK (reason <> ''),
    noted_at  timestamptz NOT NULL,
    PRIMARY KEY (source_id, from_at)
);
CREATE INDEX ingest_gap_by_end ON ingest_gap (source_id, to_at);

-- Which version of the counting rules a source's minutes were counted under, from since on: organic and
-- authors before and after are not of the same thing.
CREATE TABLE ingest_rules (
    source_id bigint NOT NULL REFERENCES source (id),
    since     timestamptz NOT NULL,
    version   integer NOT NULL,
    PRIMARY KEY (source_id, since)
);

-- A topic asked for now gets its past from the memory of the feed: its minutes in that source are counted
-- from since on, although its first revision is younger.
CREATE TABLE topic_past (
    topic_id  bigint NOT NULL REFERENCES topic (id) ON DELETE CASCADE,
    source_id bigint NOT NULL REFERENCES source (id),
    since     timestamptz NOT NULL,
    PRIMARY KEY (topic_id, source_id)
);

-- +goose Down
DROP TABLE topic_past, ingest_rules, ingest_gap, source_health;
