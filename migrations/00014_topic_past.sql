-- The past of a new topic, read again in the background; and which events a stream has counted lately.

-- +goose Up
-- One row for each topic a stream has begun to count. Beyond what the stream remembers the feed itself is read
-- again, backwards in pieces: since moves back with each.
ALTER TABLE topic_past
    ADD COLUMN back_to    timestamptz, -- how far back it is to be read; NULL: no further
    ADD COLUMN read_until timestamptz, -- minutes from since to here were read for this topic alone: whether the source was listening then does not matter
    ADD COLUMN border     bytea;       -- keyed hashes of events counted within ten seconds after since, 8 bytes each; NULL: not known

-- Topics that were counted before pasts were read: what they have is what they keep.
INSERT INTO topic_past (topic_id, source_id, since)
SELECT t.id, c.source_id, (SELECT min(r.since) FROM topic_revision r WHERE r.topic_id = t.id)
FROM   topic t, ingest_cursor c JOIN source s ON s.id = c.source_id
WHERE  s.mode = 'increments' AND c.position <> ''
ON CONFLICT DO NOTHING;

-- What a stream counted in the last ten seconds, one row a commit, so that another host of the feed, which
-- stamps the same events differently, adds nothing twice. Written and forgotten in the transaction that moves
-- the cursor.
CREATE TABLE ingest_recent (
    source_id bigint NOT NULL REFERENCES source (id),
    n         bigint GENERATED ALWAYS AS IDENTITY,
    newest    timestamptz NOT NULL, -- none of the events was stamped after it
    ids       bytea NOT NULL,       -- keyed hashes, 8 bytes each
    PRIMARY KEY (source_id, n)
);
ALTER TABLE ingest_recent ALTER COLUMN ids SET STORAGE EXTERNAL; -- hashes do not compress

ALTER TABLE source_health
    ADD COLUMN past_topics  integer NOT NULL DEFAULT 0, -- whose past is being read
    ADD COLUMN past_reached timestamptz;                -- how far back it has been read; NULL: none is

-- +goose Down
ALTER TABLE source_health DROP COLUMN past_topics, DROP COLUMN past_reached;
DROP TABLE ingest_recent;
ALTER TABLE topic_past DROP COLUMN back_to, DROP COLUMN read_until, DROP COLUMN border;
