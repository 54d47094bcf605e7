package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"surgecast"
)

// SegmentQuery chooses the kind of traffic.
type SegmentQuery struct {
	Segment string `query:"segment" pattern:"^[a-z0-9][a-z0-9_-]{0,62}$" default:"total" doc:"Kind of traffic"`
}

type forecastIn struct {
	SitePath
	SegmentQuery
	Horizon int `query:"horizon" minimum:"1" maximum:"1440" default:"60" doc:"Minutes ahead of now"`
	History int `query:"history" minimum:"0" maximum:"1440" default:"60" doc:"Minutes back from now"`

	AsOf time.Time `query:"as_of" doc:"The forecast as it stood then, from the ledger; its points begin there. Default: now"`
}

// ForecastBody is the expected traffic of a site with its uncertainty, beside what came.
type ForecastBody struct {
	Site         string `json:"site"`
	Name         string `json:"name"`
	Segment      string `json:"segment"`
	Simulated    bool   `json:"simulated"`
	TimeZone     string `json:"time_zone"`
	ForecastHead        // when and by what

	StepSeconds  int       `json:"step_seconds"`
	Levels       []float64 `json:"levels" doc:"Probability levels of the quantiles"`
	LeadsMinutes []int     `json:"leads_minutes"`
	QuantilesRPM [][]Rate  `json:"quantiles_rpm" doc:"[lead][level], as stored"`

	Points  []ForecastPoint `json:"points" doc:"Every minute for two hours, then every five; interpolated as everywhere else"`
	History []HistoryPoint  `json:"history"`
	Gaps    []Span          `json:"gaps" doc:"Minutes nobody counted: missing, not zero"`

	CapacityRPM     Rate            `json:"capacity_rpm"`
	CapacityHistory []CapacityPoint `json:"capacity_history" doc:"Where it changed"`
}

// ForecastHead says when a forecast was made and how long it counts.
type ForecastHead struct {
	Now          time.Time  `json:"now"`
	Origin       *time.Time `json:"origin" doc:"Start of the last complete bucket used"`
	IssuedAt     *time.Time `json:"issued_at"`
	ValidUntil   *time.Time `json:"valid_until"`
	Stale        bool       `json:"stale" doc:"Older than three minutes, or past its end"`
	ForecastID   *string    `json:"forecast_id"`
	ModelVersion string     `json:"model_version"`
}

// ForecastPoint is the distribution of one minute.
type ForecastPoint struct {
	At           time.Time `json:"at"`
	LeadMinutes  int       `json:"lead_minutes"`
	QuantilesRPM []Rate    `json:"quantiles_rpm" doc:"At levels"`
}

// HistoryPoint is what came in one minute; null: not known.
type HistoryPoint struct {
	At          time.Time `json:"at"`
	RequestsRPM Rate      `json:"requests_rpm"`
	Saturated   bool      `json:"saturated" doc:"A lower bound of demand"`
}

// Span is a half-open stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// CapacityPoint is the capacity from a minute on.
type CapacityPoint struct {
	At          time.Time `json:"at"`
	CapacityRPM Rate      `json:"capacity_rpm"`
}

type forecastOut struct{ Body ForecastBody }

func (s *Server) forecastRoutes() {
	register(s, operation("GET", "/v1/sites/{site}/forecast", "site-forecast", "Expected traffic with its uncertainty, beside what came"), surgecast.ScopeRead, s.forecast)
	register(s, operation("GET", "/v1/sites/{site}/risk", "site-risk", "How likely the site is to be overwhelmed, and by when to act"), surgecast.ScopeRead, s.risk)
	register(s, operation("GET", "/v1/sites/{site}/capacity", "site-capacity", "How many units it needs, and why"), surgecast.ScopeRead, s.capacity)
}

func head(f *surgecast.SiteForecast, now time.Time) ForecastHead {
	if f == nil {
		return ForecastHead{Now: now, Stale: true}
	}
	return ForecastHead{
		Now: now, Origin: maybe(f.Origin), IssuedAt: maybe(f.IssuedAt), ValidUntil: maybe(f.ValidUntil),
		Stale: stale(f, now), ForecastID: text(f.ID), ModelVersion: f.ModelVersion,
	}
}

func (s *Server) forecast(ctx context.Context, in *forecastIn) (*forecastOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	f, err := st.of(in.Segment)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if !in.AsOf.IsZero() {
		if f, err = s.asOf(ctx, st.site, in, now); err != nil {
			return nil, err
		}
		now = in.AsOf.UTC()
	}
	b := ForecastBody{
		Site: st.site.Slug, Name: st.site.Name, Segment: in.Segment, Simulated: st.site.Simulated, TimeZone: st.site.TimeZone,
		ForecastHead: head(f, now), StepSeconds: 60,
		Levels: surgecast.Levels[:], LeadsMinutes: surgecast.LeadMinutes[:], QuantilesRPM: [][]Rate{},
		Points: []ForecastPoint{}, History: []HistoryPoint{}, Gaps: []Span{},
		CapacityRPM: Rate(unknownIfZero(st.site.Capacity.RPM())), CapacityHistory: []CapacityPoint{},
	}
	if f != nil {
		b.StepSeconds, b.Levels, b.LeadsMinutes = f.StepSeconds, f.Levels, f.LeadMinutes
		b.CapacityRPM = Rate(unknownIfZero(f.CapacityRPM))
		for _, q := range f.QuantilesRPM {
			b.QuantilesRPM = append(b.QuantilesRPM, rates(q))
		}
		b.Points = s.points(f, now, in.Horizon)
	}
	if in.History > 0 {
		if err := s.history(ctx, st.site, f, in, now, &b); err != nil {
			return nil, err
		}
	}
	return &forecastOut{b}, nil
}

// asOf is the row of the ledger that was the newest at a moment of the past.
func (s *Server) asOf(ctx context.Context, site surgecast.Site, in *forecastIn, now time.Time) (*surgecast.SiteForecast, error) {
	if in.AsOf.After(now) {
		return nil, invalid("as_of", "lies in the future", "Leave it out for the newest forecast.")
	}
	rows, err := s.c.Store.Forecasts(ctx, site.ID, in.Segment, in.AsOf.Add(-time.Hour), in.AsOf)
	if err != nil {
		return nil, err
	}
	for i := len(rows) - 1; i >= 0; i-- {
		if !rows[i].IssuedAt.After(in.AsOf) {
			return &rows[i], nil
		}
	}
	return nil, problem(http.StatusNotFound, codeNotFound, "the ledger has no forecast of the hour before "+in.AsOf.UTC().Format(time.RFC3339), "Ask for a moment at which the site was forecast; older rows are thinned to one in 15 minutes.")
}

// of is the newest forecast of one kind of traffic, nil before the first. A segment nobody knows is an
// error, not an empty picture.
func (s *standing) of(segment string) (*surgecast.SiteForecast, error) {
	if f, ok := s.latest[segment]; ok || segment == surgecast.TotalSegment {
		return f, nil
	}
	for _, g := range s.site.Segments {
		if g.Name == segment {
			return nil, nil
		}
	}
	p := notFound("segment", segment)
	p.Remedy = "Use total, or a segment of the site."
	return nil, p
}

// points are the quantiles from now on: a lead counts from the origin, so a forecast some minutes old
// still speaks of the right minutes.
func (s *Server) points(f *surgecast.SiteForecast, now time.Time, horizon int) []ForecastPoint {
	if len(f.LeadMinutes) == 0 {
		return []ForecastPoint{}
	}
	last := f.LeadMinutes[len(f.LeadMinutes)-1]
	step := max(1, f.StepSeconds/60)
	end := now.Add(time.Duration(horizon) * time.Minute)
	flat := make([]float64, len(f.Levels))
	out := make([]ForecastPoint, 0, 130)
	for lead := step; lead <= last; {
		at := f.Origin.Add(time.Duration(lead) * time.Minute).UTC()
		if at.After(end) {
			break
		}
		if s.memory.at(flat, f, float64(lead)) {
			out = append(out, ForecastPoint{At: at, LeadMinutes: lead, QuantilesRPM: rates(flat)})
		}
		switch {
		case step > 1:
			lead += step
		case lead < 120:
			lead++
		default:
			lead += 5
		}
	}
	return out
}

// history is what came, with the gaps marked. The minute that still runs is left out: half a minute
// would look like a fall.
func (s *Server) history(ctx context.Context, site surgecast.Site, f *surgecast.SiteForecast, in *forecastIn, now time.Time, b *ForecastBody) error {
	to := now.Truncate(time.Minute)
	from := to.Add(-time.Duration(in.History) * time.Minute)
	rows, err := s.c.Store.Traffic(ctx, site.ID, in.Segment, from, to)
	if err != nil {
		return fmt.Errorf("reading traffic of %s: %w", site.Slug, err)
	}
	by := make(map[int64]surgecast.TrafficMinute, len(rows))
	end := to.Add(-staleAfter) // the last minutes may still be on their way: no gap yet
	if f != nil {
		if known := f.Origin.Add(time.Duration(f.StepSeconds) * time.Second); known.After(end) {
			end = known
		}
	}
	for _, r := range rows {
		if r.Complete {
			by[r.Minute.Unix()] = r
			if next := r.Minute.Add(time.Minute); next.After(end) {
				end = next
			}
		}
	}
	if end.After(to) {
		end = to
	}
	capacity := math.NaN()
	for at := from.UTC(); at.Before(end); at = at.Add(time.Minute) {
		r, ok := by[at.Unix()]
		if !ok {
			b.History = append(b.History, HistoryPoint{At: at, RequestsRPM: Rate(math.NaN())})
			if n := len(b.Gaps); n > 0 && b.Gaps[n-1].To.Equal(at) {
				b.Gaps[n-1].To = at.Add(time.Minute)
			} else {
				b.Gaps = append(b.Gaps, Span{From: at, To: at.Add(time.Minute)})
			}
			continue
		}
		b.History = append(b.History, HistoryPoint{At: at, RequestsRPM: Rate(r.Requests), Saturated: r.Saturated})
		if c := site.Capacity.Serves(r.UnitsObserved); c > 0 && c != capacity {
			capacity = c
			b.CapacityHistory = append(b.CapacityHistory, CapacityPoint{At: at, CapacityRPM: Rate(c)})
		}
	}
	if c := float64(b.CapacityRPM); len(b.CapacityHistory) == 0 && c > 0 {
		b.CapacityHistory = append(b.CapacityHistory, CapacityPoint{At: from.UTC(), CapacityRPM: Rate(c)})
	}
	return nil
}
