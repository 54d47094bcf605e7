-- What load tests told of a site's capacity beyond rpm_per_unit, as a person took it over.

-- +goose Up
ALTER TABLE site ADD COLUMN measured jsonb; -- NULL: rpm_per_unit was set by hand
COMMENT ON COLUMN site.measured IS 'interval, most units tested and the curve; dropped when rpm_per_unit is changed by hand';

-- +goose Down
ALTER TABLE site DROP COLUMN measured;
