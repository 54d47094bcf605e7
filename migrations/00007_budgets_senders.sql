-- What paid sources cost, and who may push counts by signature.

-- +goose Up

-- A request to a paid source costs less than a cent (X: half of one), so money is counted in thousandths
-- of the smallest unit. A limit a month says what may be paid; one a day keeps a single hot day from
-- spending the month.
ALTER TABLE budget RENAME COLUMN limit_minor TO month_limit_millicents;
ALTER TABLE budget RENAME COLUMN spent_minor TO month_spent_millicents;
UPDATE budget SET month_limit_millicents = month_limit_millicents * 1000, month_spent_millicents = month_spent_millicents * 1000;
ALTER TABLE budget ADD COLUMN day_limit_millicents bigint NOT NULL DEFAULT 0 CHECK (day_limit_millicents >= 0);
ALTER TABLE budget ADD COLUMN day date;
ALTER TABLE budget ADD COLUMN day_spent_millicents bigint NOT NULL DEFAULT 0 CHECK (day_spent_millicents >= 0);

-- A sender signs what it pushes (Standard Webhooks) and needs no key of the API.
CREATE TABLE push_sender (
    id         text PRIMARY KEY, -- psh_…, stands in the address the sender is given
    account_id bigint NOT NULL REFERENCES account (id),
    name       text NOT NULL CHECK (name <> ''),
    source     text NOT NULL, -- it counts for this source only; empty: any
    sites      bigint[] NOT NULL, -- it sends traffic of these only; empty: all of the account
    secrets    bytea[] NOT NULL CHECK (cardinality(secrets) BETWEEN 1 AND 2), -- encrypted before they come here, newest first
    created_at timestamptz NOT NULL,
    rotated_at timestamptz
);
CREATE INDEX push_sender_by_account ON push_sender (account_id, id);

-- +goose Down
DROP TABLE push_sender;
ALTER TABLE budget DROP COLUMN day_spent_millicents, DROP COLUMN day, DROP COLUMN day_limit_millicents;
UPDATE budget SET month_limit_millicents = month_limit_millicents / 1000, month_spent_millicents = month_spent_millicents / 1000;
ALTER TABLE budget RENAME COLUMN month_spent_millicents TO spent_minor;
ALTER TABLE budget RENAME COLUMN month_limit_millicents TO limit_minor;
