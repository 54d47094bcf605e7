-- Retention asks every ten minutes what of the log of deliveries is old enough to go.

-- +goose Up
CREATE INDEX delivery_done ON delivery (done_at) WHERE done_at IS NOT NULL;

-- +goose Down
DROP INDEX delivery_done;
