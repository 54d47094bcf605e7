-- The ledger: forecasts stored before the fact. Rows are inserted and never changed; what is too old
-- goes with its whole daily partition. Matrices are flattened row by row into float8[], which keeps
-- every float64 bit for bit.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only: rows are neither changed nor deleted, partitions are dropped whole', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TABLE site_forecast (
    site_id      bigint NOT NULL,
    segment      text NOT NULL CHECK (segment <> ''),
    origin       timestamptz NOT NULL,
    id           text NOT NULL, -- fct_…
    issued_at    timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL CHECK (valid_until >= issued_at),
    step_seconds integer NOT NULL CHECK (step_seconds >= 1),

    lead_minutes      integer[] NOT NULL,
    levels            double precision[] NOT NULL,
    quantiles_rpm     double precision[] NOT NULL, -- [lead][level]
    horizon_minutes   integer[] NOT NULL,
    max_quantiles_rpm double precision[] NOT NULL, -- [horizon][level]
    risk              double precision[], -- [horizon]; NULL: capacity unknown
    grid_rpm          double precision[],
    risk_grid         double precision[], -- [horizon][grid]

    profile_step_minutes integer NOT NULL,
    profile_rpm          double precision[],
    peak_dots_rpm        double precision[],
    breach_dots_minutes  double precision[], -- NaN: not by then

    time_to_breach_minutes double precision[],
    act_by                 timestamptz,
    act_by_reason          text NOT NULL,
    late_by_seconds        integer NOT NULL,

    demand_rpm            double precision NOT NULL,
    capacity_rpm          double precision NOT NULL,
    units                 integer NOT NULL,
    rpm_per_unit          double precision NOT NULL,
    lead_time_p95_seconds integer NOT NULL,
    sustain_minutes       integer NOT NULL,
    cost_lost_request     double precision NOT NULL,
    cost_idle_unit_hour   double precision NOT NULL,
    alpha                 double precision NOT NULL,

    recommendation json NOT NULL, -- json, not jsonb: the text is kept as written
    state          text NOT NULL,
    verdict        json NOT NULL,
    degraded       text[],

    -- What the model was given since the row before.
    fed_minute       timestamptz[] NOT NULL,
    fed_value        double precision[] NOT NULL CHECK (cardinality(fed_value) = cardinality(fed_minute)), -- NaN: missing
    fed_bound        boolean[] NOT NULL CHECK (cardinality(fed_bound) = cardinality(fed_minute)),
    fed_signal_count integer[] NOT NULL CHECK (cardinality(fed_signal_count) = cardinality(fed_minute)),
    fed_signals      double precision[] NOT NULL, -- one after the other, fed_signal_count each

    model_version text NOT NULL,
    prev_hash     bytea CHECK (octet_length(prev_hash) = 32), -- NULL: the first of its site and segment
    hash          bytea NOT NULL CHECK (octet_length(hash) = 32),

    CHECK (cardinality(quantiles_rpm) = cardinality(lead_minutes) * cardinality(levels)),
    CHECK (cardinality(max_quantiles_rpm) = cardinality(horizon_minutes) * cardinality(levels)),
    CHECK (cardinality(risk) = cardinality(horizon_minutes)),
    CHECK (cardinality(risk_grid) = cardinality(horizon_minutes) * cardinality(grid_rpm)),
    CHECK (origin <= issued_at),
    PRIMARY KEY (site_id, segment, origin)
) PARTITION BY RANGE (origin);
CREATE INDEX site_forecast_by_id ON site_forecast (id);
CREATE TRIGGER site_forecast_insert_only BEFORE UPDATE OR DELETE ON site_forecast
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The newest row of each chain: where the next one is tied on, what a poll reads, and the proof that
-- the end of a chain was not cut off.
CREATE TABLE ledger_head (
    site_id   bigint NOT NULL,
    segment   text NOT NULL,
    origin    timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (site_id, segment)
) WITH (fillfactor = 50);

-- Recommendations whose sequence differed from the one before. A site's sequence rises; the store
-- refuses one that does not.
CREATE TABLE recommendation (
    site_id        bigint NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence >= 1),
    id             text NOT NULL,
    forecast_id    text NOT NULL,
    units          integer NOT NULL CHECK (units >= 0),
    would_be_units integer NOT NULL CHECK (would_be_units >= 0),
    previous_units integer NOT NULL,
    reason         text NOT NULL,
    detail         text NOT NULL,
    issued_at      timestamptz NOT NULL,
    valid_until    timestamptz NOT NULL,
    PRIMARY KEY (site_id, sequence)
);

-- Only the newest forecast of topics linked, watched, read or hot; lost in a crash and made again.
CREATE UNLOGGED TABLE topic_forecast (
    topic_id      bigint NOT NULL,
    series        text NOT NULL,
    origin        timestamptz NOT NULL,
    issued_at     timestamptz NOT NULL,
    lead_minutes  integer[] NOT NULL,
    levels        double precision[] NOT NULL,
    quantiles     double precision[] NOT NULL CHECK (cardinality(quantiles) = cardinality(lead_minutes) * cardinality(levels)),
    model_version text NOT NULL,
    PRIMARY KEY (topic_id, series)
) WITH (fillfactor = 50);

CREATE TABLE topic_ledger (
    topic_id      bigint NOT NULL,
    series        text NOT NULL,
    origin        timestamptz NOT NULL,
    issued_at     timestamptz NOT NULL,
    lead_minutes  integer[] NOT NULL,
    levels        double precision[] NOT NULL,
    quantiles     double precision[] NOT NULL CHECK (cardinality(quantiles) = cardinality(lead_minutes) * cardinality(levels)),
    model_version text NOT NULL,
    PRIMARY KEY (topic_id, series, origin)
) PARTITION BY RANGE (origin);
CREATE TRIGGER topic_ledger_insert_only BEFORE UPDATE OR DELETE ON topic_ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE topic_ledger, topic_forecast, recommendation, ledger_head, site_forecast;
DROP FUNCTION refuse_change;
