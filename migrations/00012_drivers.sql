-- What a forecast says the traffic goes along with: name, share with its band, doubling, decay.

-- +goose Up
ALTER TABLE site_forecast ADD COLUMN drivers jsonb; -- NULL: talk was not weighed

-- +goose Down
ALTER TABLE site_forecast DROP COLUMN drivers;
