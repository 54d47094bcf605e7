-- How far each site is trusted, since when and by whom; and what its last judged week came to.

-- +goose Up
ALTER TABLE site
    ADD COLUMN mode_since timestamptz,
    ADD COLUMN mode_by    text NOT NULL DEFAULT '', -- name of the key, or 'ledger'; empty: not known
    ADD COLUMN mode_why   text NOT NULL DEFAULT ''; -- what the ledger says of it; empty: a person changed it
UPDATE site SET mode_since = updated_at; -- not earlier than it was: no forecast counts that nobody acted on
ALTER TABLE site ALTER COLUMN mode_since SET NOT NULL;

-- Every change of a mode, kept: who, when, and the figures when it was the ledger.
CREATE TABLE mode_change (
    site_id bigint NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    number  integer NOT NULL CHECK (number >= 1),
    before  text NOT NULL,
    after   text NOT NULL CHECK (after <> before),
    set_by  text NOT NULL,
    why     text NOT NULL,
    week    json, -- NULL: a person changed it
    set_at  timestamptz NOT NULL,
    PRIMARY KEY (site_id, number)
);

-- The last week a site in act was judged by.
CREATE TABLE mode_week (
    site_id   bigint PRIMARY KEY REFERENCES site (id) ON DELETE CASCADE,
    judged_at timestamptz NOT NULL,
    week      json NOT NULL
);

-- +goose Down
DROP TABLE mode_week, mode_change;
ALTER TABLE site DROP COLUMN mode_since, DROP COLUMN mode_by, DROP COLUMN mode_why;
