-- What one unit serves where nobody measured it: its workers, and how long a request takes.

-- +goose Up
ALTER TABLE site
    ADD COLUMN workers_per_unit integer          NOT NULL DEFAULT 0, -- requests a unit answers at once; 0: not stated
    ADD COLUMN service_seconds  double precision NOT NULL DEFAULT 0; -- mean, when nobody waits; 0: not stated

-- +goose Down
ALTER TABLE site DROP COLUMN workers_per_unit, DROP COLUMN service_seconds;
