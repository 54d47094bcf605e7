-- Endpoints of other formats, rotated secrets, and why an endpoint was disabled.

-- +goose Up
ALTER TABLE webhook
    ADD COLUMN sealed_url       bytea,       -- the whole address, encrypted, where it is a secret; url is its scheme and host then
    ADD COLUMN old_secret_until timestamptz, -- when the second secret stops signing
    ADD COLUMN disabled_why     text NOT NULL DEFAULT '',
    ADD COLUMN enabled_at       timestamptz; -- a person enabled it again: failures before do not count any more

-- What a message is about where only the newest one counts; empty: nothing is skipped.
ALTER TABLE delivery ADD COLUMN about text NOT NULL DEFAULT '';
CREATE INDEX delivery_about ON delivery (webhook_id, about, id) WHERE about <> '';

-- +goose Down
DROP INDEX delivery_about;
ALTER TABLE delivery DROP COLUMN about;
ALTER TABLE webhook DROP COLUMN enabled_at, DROP COLUMN disabled_why, DROP COLUMN old_secret_until, DROP COLUMN sealed_url;
