package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const forecastColumns = `site_id, segment, origin, id, issued_at, valid_until, step_seconds,
	lead_minutes, levels, quantiles_rpm, horizon_minutes, max_quantiles_rpm, risk, grid_rpm, risk_grid,
	profile_step_minutes, profile_rpm, peak_dots_rpm, breach_dots_minutes, time_to_breach_minutes, act_by, act_by_reason, late_by_seconds,
	demand_rpm, capacity_rpm, units, rpm_per_unit, lead_time_p95_seconds, sustain_minutes, cost_lost_request, cost_idle_unit_hour, alpha,
	recommendation, state, verdict, degraded, fed_minute, fed_value, fed_bound, fed_signal_count, fed_signals, fed_plans,
	model_version, prev_hash, hash, drivers, seal_version, body_hash`

const insertForecastSQL = `INSERT INTO site_forecast (` + forecastColumns + `) VALUES
	($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29,
	$30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48)`

// number is a float64 in JSON that may be NaN or infinite, which JSON's own numbers cannot be.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(fmt.Sprint(f))
	}
	return json.Marshal(float64(n))
}

func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		switch string(b) {
		case `"NaN"`:
			*n = number(math.NaN())
		case `"+Inf"`:
			*n = number(math.Inf(1))
		case `"-Inf"`:
			*n = number(math.Inf(-1))
		default:
			return fmt.Errorf("%s is no number", b)
		}
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// recommendationRow is a Recommendation as the recommendation column holds it.
type recommendationRow struct {
	surgecast.Recommendation
	DemandRPM   number `json:"demand_rpm"`
	Alpha       number `json:"alpha"`
	CostActing  number `json:"cost_acting"`
	CostWaiting number `json:"cost_waiting"`
}

func recommendationJSON(r surgecast.Recommendation) ([]byte, error) {
	return json.Marshal(recommendationRow{r, number(r.DemandRPM), number(r.Alpha), number(r.CostActing), number(r.CostWaiting)})
}

func readRecommendation(b []byte) (surgecast.Recommendation, error) {
	var row recommendationRow
	err := json.Unmarshal(b, &row)
	r := row.Recommendation
	r.DemandRPM, r.Alpha, r.CostActing, r.CostWaiting = float64(row.DemandRPM), float64(row.Alpha), float64(row.CostActing), float64(row.CostWaiting)
	return r, err
}

// flat lays a matrix out row by row; nil stays nil.
func flat(m [][]float64) []float64 {
	if m == nil {
		return nil
	}
	out := []float64{}
	for _, row := range m {
		out = append(out, row...)
	}
	return out
}

// matrix is flat's inverse for rows of the given length.
func matrix(xs []float64, rows, columns int) [][]float64 {
	if xs == nil {
		return nil
	}
	out := make([][]float64, rows)
	for i := range out {
		out[i] = xs[i*columns : (i+1)*columns : (i+1)*columns]
	}
	return out
}

// onGrid cuts a row's times to what PostgreSQL keeps, microseconds, so that its hash fits what is read
// back.
func onGrid(f *surgecast.SiteForecast) {
	us := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	us(&f.Origin)
	us(&f.IssuedAt)
	us(&f.ValidUntil)
	us(&f.ActBy)
	for i := range f.Fed {
		us(&f.Fed[i].Minute)
	}
}

func forecastArgs(f *surgecast.SiteForecast) ([]any, error) {
	recommendation, err := recommendationJSON(f.Recommendation)
	if err != nil {
		return nil, err
	}
	verdict, err := json.Marshal(f.Verdict)
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		name string
		m    [][]float64
		cols int
	}{{"quantiles", f.QuantilesRPM, len(f.Levels)}, {"window maxima", f.MaxQuantilesRPM, len(f.Levels)}, {"risk grid", f.RiskGrid, len(f.GridRPM)}} {
		for i, row := range m.m {
			if len(row) != m.cols {
				return nil, fmt.Errorf("row %d of the %s has %d columns, want %d", i, m.name, len(row), m.cols)
			}
		}
	}
	n := len(f.Fed)
	fedAt, fedValue, fedBound := make([]time.Time, n), make([]float64, n), make([]bool, n)
	fedCount, fedSignals := make([]int32, n), []float64{}
	for i, s := range f.Fed {
		fedAt[i], fedValue[i], fedBound[i] = s.Minute, s.Value, s.Bound
		fedCount[i] = int32(len(s.Signals))
		fedSignals = append(fedSignals, s.Signals...)
	}
	plans, err := plansJSON(f.Fed)
	if err != nil {
		return nil, err
	}
	var drivers []byte
	if f.Drivers != nil {
		if drivers, err = json.Marshal(f.Drivers); err != nil {
			return nil, err
		}
	}
	return []any{
		f.SiteID, f.Segment, f.Origin, f.ID, f.IssuedAt, f.ValidUntil, f.StepSeconds,
		orEmpty(f.LeadMinutes), orEmpty(f.Levels), orEmpty(flat(f.QuantilesRPM)), orEmpty(f.HorizonMinutes), orEmpty(flat(f.MaxQuantilesRPM)),
		f.Risk, f.GridRPM, flat(f.RiskGrid), f.ProfileStepMinutes, f.ProfileRPM, f.PeakDotsRPM, f.BreachDotsMinutes, f.TimeToBreachMinutes,
		orNull(f.ActBy), f.ActByReason, f.LateBySeconds,
		f.DemandRPM, f.CapacityRPM, f.Units, f.RPMPerUnit, f.LeadTimeP95Seconds, f.SustainMinutes, f.CostLostRequest, f.CostIdleUnitHour, f.Alpha,
		recommendation, f.State, verdict, f.Degraded, fedAt, fedValue, fedBound, fedCount, fedSignals, plans,
		f.ModelVersion, f.PrevHash, f.Hash, drivers, f.SealVersion, f.BodyHash,
	}, nil
}

func scanForecast(row pgx.CollectableRow) (f surgecast.SiteForecast, err error) {
	var quantiles, maxima, grid, fedValue, fedSignals []float64
	var actBy *time.Time
	var recommendation, verdict, plans, drivers []byte
	var fedAt []time.Time
	var fedBound []bool
	var fedCount []int32
	err = row.Scan(&f.SiteID, &f.Segment, &f.Origin, &f.ID, &f.IssuedAt, &f.ValidUntil, &f.StepSeconds,
		&f.LeadMinutes, &f.Levels, &quantiles, &f.HorizonMinutes, &maxima,
		&f.Risk, &f.GridRPM, &grid, &f.ProfileStepMinutes, &f.ProfileRPM, &f.PeakDotsRPM, &f.BreachDotsMinutes, &f.TimeToBreachMinutes,
		&actBy, &f.ActByReason, &f.LateBySeconds,
		&f.DemandRPM, &f.CapacityRPM, &f.Units, &f.RPMPerUnit, &f.LeadTimeP95Seconds, &f.SustainMinutes, &f.CostLostRequest, &f.CostIdleUnitHour, &f.Alpha,
		&recommendation, &f.State, &verdict, &f.Degraded, &fedAt, &fedValue, &fedBound, &fedCount, &fedSignals, &plans,
		&f.ModelVersion, &f.PrevHash, &f.Hash, &drivers, &f.SealVersion, &f.BodyHash)
	if err != nil {
		return f, err
	}
	f.Origin, f.IssuedAt, f.ValidUntil, f.ActBy = f.Origin.UTC(), f.IssuedAt.UTC(), f.ValidUntil.UTC(), orZero(actBy)
	f.QuantilesRPM = matrix(quantiles, len(f.LeadMinutes), len(f.Levels))
	f.MaxQuantilesRPM = matrix(maxima, len(f.HorizonMinutes), len(f.Levels))
	f.RiskGrid = matrix(grid, len(f.HorizonMinutes), len(f.GridRPM))
	if f.Recommendation, err = readRecommendation(recommendation); err != nil {
		return f, fmt.Errorf("recommendation of forecast %s: %w", f.ID, err)
	}
	if err := json.Unmarshal(verdict, &f.Verdict); err != nil {
		return f, fmt.Errorf("verdict of forecast %s: %w", f.ID, err)
	}
	if len(drivers) > 0 {
		if err := json.Unmarshal(drivers, &f.Drivers); err != nil {
			return f, fmt.Errorf("drivers of forecast %s: %w", f.ID, err)
		}
	}
	if f.Fed, err = readFed(fedAt, fedValue, fedBound, fedCount, fedSignals, plans); err != nil {
		return f, fmt.Errorf("what forecast %s was fed: %w", f.ID, err)
	}
	return f, nil
}

// readFed puts the columns of what a model was given together. No constraint says that they fit: a row that somebody
// wrote by hand must not crash who reads it.
func readFed(at []time.Time, value []float64, bound []bool, count []int32, signals []float64, plans []byte) ([]surgecast.Fed, error) {
	var fed []surgecast.Fed
	for i := range at {
		step := surgecast.Fed{Minute: at[i].UTC(), Value: value[i], Bound: bound[i]}
		switch n := int(count[i]); {
		case n < 0 || n > len(signals):
			return nil, fmt.Errorf("step %d: %d signals of %d", i, n, len(signals))
		case n > 0:
			step.Signals, signals = signals[:n:n], signals[n:]
		}
		fed = append(fed, step)
	}
	if len(signals) > 0 {
		return nil, fmt.Errorf("%d signals of no step", len(signals))
	}
	return fed, readPlans(plans, fed)
}

// planRow is one element of the fed_plans column: what the model was told after step At of the row's.
type planRow struct {
	At   int              `json:"at"`
	Told []surgecast.Told `json:"told"`
}

// plansJSON is nil when the model was told nothing new.
func plansJSON(fed []surgecast.Fed) ([]byte, error) {
	var rows []planRow
	for i := range fed {
		if fed[i].Plan != nil {
			rows = append(rows, planRow{i, fed[i].Plan})
		}
	}
	if rows == nil {
		return nil, nil
	}
	return json.Marshal(rows)
}

func readPlans(b []byte, fed []surgecast.Fed) error {
	if b == nil {
		return nil
	}
	var rows []planRow
	if err := json.Unmarshal(b, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		if r.At < 0 || r.At >= len(fed) {
			return fmt.Errorf("step %d of %d", r.At, len(fed))
		}
		fed[r.At].Plan = orEmpty(r.Told)
	}
	return nil
}

const (
	lockHeadsSQL = `
	SELECT h.site_id, h.segment, h.origin, h.hash
	FROM   ledger_head h JOIN unnest($1::bigint[], $2::text[]) AS n (site_id, segment) ON h.site_id = n.site_id AND h.segment = n.segment
	ORDER  BY h.site_id, h.segment FOR UPDATE OF h`
	moveHeadSQL = `
	INSERT INTO ledger_head AS h (site_id, segment, origin, issued_at, hash) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (site_id, segment) DO UPDATE SET origin = excluded.origin, issued_at = excluded.issued_at, hash = excluded.hash`
)

type chain struct {
	site    int64
	segment string
}

type head struct {
	origin time.Time
	hash   []byte
}

// saveForecasts seals fs, each to the row before of its site and segment, and inserts them. Origins of
// one chain rise: a row at or before the newest one is ErrConflict.
func saveForecasts(ctx context.Context, tx pgx.Tx, fs []surgecast.SiteForecast) error {
	if len(fs) == 0 {
		return nil
	}
	order := make([]*surgecast.SiteForecast, len(fs))
	for i := range fs {
		onGrid(&fs[i])
		order[i] = &fs[i]
	}
	slices.SortStableFunc(order, func(a, b *surgecast.SiteForecast) int {
		return cmp.Or(cmp.Compare(a.SiteID, b.SiteID), cmp.Compare(a.Segment, b.Segment), a.Origin.Compare(b.Origin))
	})
	var sites []int64
	var segments []string
	for i, f := range order {
		if i == 0 || order[i-1].SiteID != f.SiteID || order[i-1].Segment != f.Segment {
			sites, segments = append(sites, f.SiteID), append(segments, f.Segment)
		}
	}
	heads := map[chain]head{}
	rows, _ := tx.Query(ctx, lockHeadsSQL, sites, segments)
	var c chain
	var origin time.Time
	var hash []byte
	if _, err := pgx.ForEachRow(rows, []any{&c.site, &c.segment, &origin, &hash}, func() error {
		heads[c] = head{origin.UTC(), bytes.Clone(hash)}
		return nil
	}); err != nil {
		return fmt.Errorf("reading the ends of the ledger: %w", err)
	}

	batch := &pgx.Batch{}
	for i, f := range order {
		c := chain{f.SiteID, f.Segment}
		h, ok := heads[c]
		if ok && !f.Origin.After(h.origin) {
			return fmt.Errorf("forecast of site %d, %s at %s: the ledger already reaches %s: %w",
				f.SiteID, f.Segment, f.Origin.Format(time.RFC3339), h.origin.Format(time.RFC3339), surgecast.ErrConflict)
		}
		if f.ID == "" {
			f.ID = surgecast.NewID("fct_")
		}
		if _, err := json.Marshal(f.Verdict); err != nil { // Seal would panic
			return fmt.Errorf("verdict of site %d: %w", f.SiteID, err)
		}
		f.Seal(h.hash)
		heads[c] = head{f.Origin, f.Hash}
		args, err := forecastArgs(f)
		if err != nil {
			return fmt.Errorf("forecast of site %d, %s: %w", f.SiteID, f.Segment, err)
		}
		batch.Queue(insertForecastSQL, args...)
		if i+1 == len(order) || order[i+1].SiteID != f.SiteID || order[i+1].Segment != f.Segment {
			batch.Queue(moveHeadSQL, f.SiteID, f.Segment, f.Origin, f.IssuedAt, f.Hash)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing %d forecasts: %w", len(fs), err)
	}
	return nil
}

const insertRecommendationSQL = `
	INSERT INTO recommendation (site_id, sequence, id, forecast_id, units, would_be_units, previous_units, reason, detail, issued_at, valid_until)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// saveRecommendations logs those whose sequence is new. A site's sequence never goes back: receivers
// drop what is lower than what they have seen, so a step back would silence every later instruction.
func saveRecommendations(ctx context.Context, tx pgx.Tx, fs []surgecast.SiteForecast) error {
	var sites []int64
	for _, f := range fs {
		if f.Recommendation.Sequence != 0 {
			sites = append(sites, f.SiteID)
		}
	}
	if len(sites) == 0 {
		return nil
	}
	newest := map[int64]int64{}
	rows, _ := tx.Query(ctx, `SELECT n.site_id, (SELECT max(sequence) FROM recommendation r WHERE r.site_id = n.site_id) FROM unnest($1::bigint[]) AS n (site_id)`, sites)
	var site int64
	var sequence *int64
	if _, err := pgx.ForEachRow(rows, []any{&site, &sequence}, func() error {
		if sequence != nil {
			newest[site] = *sequence
		}
		return nil
	}); err != nil {
		return fmt.Errorf("reading the newest recommendations: %w", err)
	}
	batch := &pgx.Batch{}
	for _, f := range fs {
		r := f.Recommendation
		switch last := newest[f.SiteID]; {
		case r.Sequence == 0 || r.Sequence == last:
			continue
		case r.Sequence < last:
			return fmt.Errorf("recommendation of site %d: sequence %d after %d: %w", f.SiteID, r.Sequence, last, surgecast.ErrConflict)
		}
		newest[f.SiteID] = r.Sequence
		batch.Queue(insertRecommendationSQL, f.SiteID, r.Sequence, r.ID, f.ID, r.Units, r.WouldBeUnits, r.PreviousUnits, r.Reason, r.Detail, r.IssuedAt, r.ValidUntil)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing recommendations: %w", err)
	}
	return nil
}

const latestForecastsSQL = `
	SELECT f.* FROM ledger_head h
	JOIN   site ON site.id = h.site_id
	CROSS  JOIN LATERAL (
		SELECT ` + forecastColumns + ` FROM site_forecast f
		WHERE f.site_id = h.site_id AND f.segment = h.segment AND f.origin = h.origin
		OFFSET 0
	) f
	WHERE  $1::timestamptz IS NULL OR h.issued_at > $1
	ORDER  BY f.site_id, f.segment`

// LatestForecasts is the newest row of every site and segment.
func (s *Store) LatestForecasts(ctx context.Context) ([]surgecast.SiteForecast, error) {
	return s.forecasts(ctx, latestForecastsSQL, nil)
}

// LatestForecastsSince leaves out the rows issued at t or before. Sweeps of several engines may commit
// out of the order they were issued in: a poll asks again for a little more than it has seen.
func (s *Store) LatestForecastsSince(ctx context.Context, t time.Time) ([]surgecast.SiteForecast, error) {
	return s.forecasts(ctx, latestForecastsSQL, t)
}

const forecastsEverySQL = `SELECT ` + forecastColumns + ` FROM site_forecast WHERE site_id = $1 AND segment = $2 AND origin >= $3 AND origin < $4
	AND (extract(epoch FROM origin)::bigint / 60) % $5::bigint = 0 ORDER BY origin`

// Bounded to a day, so that only two partitions are looked at.
const newestForecastSQL = `SELECT ` + forecastColumns + ` FROM site_forecast
	WHERE site_id = $1 AND segment = $2 AND origin <= $3 AND origin > $3 - interval '1 day' ORDER BY origin DESC LIMIT 1`

const forecastsSQL = `SELECT ` + forecastColumns + ` FROM site_forecast WHERE site_id = $1 AND segment = $2 AND origin >= $3 AND origin < $4 ORDER BY origin`

// NewestForecast is the ledger's last row of one site and segment issued by at; ErrNotFound when there is none.
func (s *Store) NewestForecast(ctx context.Context, siteID int64, segment string, at time.Time) (surgecast.SiteForecast, error) {
	rows, _ := s.pool.Query(ctx, newestForecastSQL, siteID, segment, at)
	f, err := pgx.CollectExactlyOneRow(rows, scanForecast)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, fmt.Errorf("forecast of site %d: %w", siteID, surgecast.ErrNotFound)
	}
	if err != nil {
		return f, fmt.Errorf("reading the newest forecast of site %d: %w", siteID, err)
	}
	return f, nil
}

// Forecasts are the ledger's rows of one site and segment with from ≤ origin < to, by origin.
func (s *Store) Forecasts(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error) {
	return s.forecasts(ctx, forecastsSQL, siteID, segment, from, to)
}

// ForecastsEvery is Forecasts with only the origins that lie on every so many minutes of the clock: weeks of a
// ledger are judged by a part of it.
func (s *Store) ForecastsEvery(ctx context.Context, siteID int64, segment string, from, to time.Time, minutes int) ([]surgecast.SiteForecast, error) {
	return s.forecasts(ctx, forecastsEverySQL, siteID, segment, from, to, max(1, minutes))
}

func (s *Store) forecasts(ctx context.Context, query string, args ...any) ([]surgecast.SiteForecast, error) {
	rows, _ := s.pool.Query(ctx, query, args...)
	fs, err := pgx.CollectRows(rows, scanForecast)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return fs, nil
}

// ForecastByID finds one row of the ledger, of a site of the account.
func (s *Store) ForecastByID(ctx context.Context, account int64, id string) (surgecast.SiteForecast, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+forecastColumns+` FROM site_forecast WHERE id = $2 AND site_id IN (SELECT site.id FROM site WHERE account_id = $1)`, account, id)
	f, err := pgx.CollectExactlyOneRow(rows, scanForecast)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, fmt.Errorf("forecast %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return f, fmt.Errorf("looking up forecast %s: %w", id, err)
	}
	return f, nil
}

// FedSince is what the model of a site and segment was given after origin, oldest first: the ledger's
// Fed of all later rows, one after the other.
func (s *Store) FedSince(ctx context.Context, siteID int64, segment string, origin time.Time) ([]surgecast.Fed, error) {
	fs, err := s.forecasts(ctx, `SELECT `+forecastColumns+` FROM site_forecast WHERE site_id = $1 AND segment = $2 AND origin > $3 ORDER BY origin`,
		siteID, segment, origin)
	if err != nil {
		return nil, err
	}
	var fed []surgecast.Fed
	for _, f := range fs {
		fed = append(fed, f.Fed...)
	}
	return fed, nil
}
