package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

// Planner answers what a site's forecast would be if events were planned, from stored state; engine.WhatIf
// behind a function, so that the API computes no forecast.
type Planner func(ctx context.Context, q surgecast.WhatIf) (surgecast.WhatIfAnswer, error)

// What-if's bounds: an answer restores a model and forecasts twice.
const (
	whatIfEvents  = 20
	whatIfAtOnce  = 2
	whatIfTimeout = 10 * time.Second
	whatIfAhead   = 24 * time.Hour // forecasts reach no further
)

// WhatIfNew asks what a site would get if events were planned.
type WhatIfNew struct {
	Events  []WhatIfEvent `json:"events" minItems:"1" maxItems:"20" doc:"As they would be planned: nothing is saved"`
	Horizon int           `json:"horizon" minimum:"1" maximum:"1440" default:"1440" required:"false" doc:"Minutes ahead of now"`
}

// WhatIfEvent is an event as it would be planned, or as a planned one would be changed.
type WhatIfEvent struct {
	ID string `json:"id" maxLength:"64" required:"false" doc:"The planned event it would replace; default: one more"`
	EventFields
}

// AskedBody is the size an event is expected to have before it is seen, and what that rests on.
type AskedBody struct {
	Visits     Rate   `json:"visits" doc:"Expected in all, the middle case; null: as large as events of its kind usually are here"`
	VisitsLow  Rate   `json:"visits_low" doc:"16 in 20 such events bring between low and high"`
	VisitsHigh Rate   `json:"visits_high"`
	Basis      string `json:"basis" doc:"What the size rests on, in words"`
}

// WhatIfBody is a site's forecast without and with the events, made from the same stored state.
type WhatIfBody struct {
	Site      string    `json:"site"`
	Name      string    `json:"name"`
	Simulated bool      `json:"simulated"`
	TimeZone  string    `json:"time_zone"`
	Now       time.Time `json:"now"`
	Origin    time.Time `json:"origin" doc:"Start of the last complete bucket used"`

	Levels      []float64      `json:"levels" doc:"Probability levels of the quantiles"`
	CapacityRPM Rate           `json:"capacity_rpm"`
	UnitsNow    int            `json:"units_now"`
	Planned     []PlannedBody  `json:"planned" doc:"What forecasts know of already: part of both"`
	Asked       []AskedBody    `json:"asked" doc:"The size of each event asked about"`
	Without     WhatIfForecast `json:"without" doc:"As things stand"`
	With        WhatIfForecast `json:"with" doc:"If the events were planned"`
}

// PlannedBody is an event the forecast knows of.
type PlannedBody struct {
	ID       string     `json:"id"`
	Kind     string     `json:"kind"`
	Name     string     `json:"name"`
	StartsAt time.Time  `json:"starts_at"`
	EndsAt   *time.Time `json:"ends_at"`
}

// WhatIfForecast is what is expected, how likely it is too much, and what to do.
type WhatIfForecast struct {
	Points            []ForecastPoint     `json:"points" doc:"Every minute for two hours, then every five"`
	PeakQuantilesRPM  []Rate              `json:"peak_quantiles_rpm" doc:"Highest sustained demand within 24 hours, at levels"`
	Risk              []RiskPoint         `json:"risk" doc:"Chance that sustained demand passes the capacity within so many minutes"`
	TimeToBreach      []BreachTime        `json:"time_to_breach"`
	ActBy             *time.Time          `json:"act_by"`
	ActByReason       string              `json:"act_by_reason" doc:"Why there is none"`
	LateBySeconds     int                 `json:"late_by_seconds"`
	PeakDotsRPM       []Rate              `json:"peak_dots_rpm"`
	BreachDotsMinutes []Number            `json:"breach_dots_minutes"`
	Recommendation    *RecommendationBody `json:"recommendation"`
	UnitsForPeak      int                 `json:"units_for_peak" doc:"Fewest units that carry the highest demand of the next 24 hours at the recommendation's alpha, wherever in the day it falls; may exceed max_units; 0: unknown"`
	Verdict           VerdictBody         `json:"verdict"`
}

type (
	whatIfIn struct {
		SitePath
		Body WhatIfNew
	}
	whatIfOut struct{ Body WhatIfBody }
)

func whatIfOperation() huma.Operation {
	op := operation("POST", "/v1/sites/{site}/what-if", "what-if", "What a site would get if events were planned")
	op.Description = "Answered from what is stored, within a second; nothing is saved and nobody is told. Both courses come from the same state, so their difference is the events'."
	return op
}

func (s *Server) whatIf(ctx context.Context, in *whatIfIn) (*whatIfOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if s.c.WhatIf == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process does not answer what-if", "Ask one that serves the database's forecasts.")
	}
	now := s.now()
	switch f := st.total(); {
	case f == nil:
		return nil, noState()
	case expired(f, now):
		return nil, problem(http.StatusServiceUnavailable, codeExpired, "no numbers came from this site for a while", "Look at its traffic source; the plan can be saved meanwhile with POST /v1/events.").with("Retry-After", "60")
	}
	q := surgecast.WhatIf{Site: st.site, At: now}
	if len(in.Body.Events) > whatIfEvents {
		return nil, fieldProblem("events", codeInvalidValue, "are too many", fmt.Sprintf("Ask about at most %d at once.", whatIfEvents))
	}
	for i, f := range in.Body.Events {
		e := surgecast.PlannedEvent{AccountID: st.site.AccountID, SiteID: st.site.ID, CreatedAt: now, UpdatedAt: now}
		if f.ID != "" {
			was, err := s.event(ctx, f.ID)
			if err != nil {
				return nil, err
			}
			if was.SiteID != st.site.ID {
				return nil, fieldProblem(fmt.Sprintf("events[%d].id", i), codeInvalidValue, "is of another site", "Ask with the site it is planned for.")
			}
		}
		err := f.into(&e, st.site.Kind, now)
		e.ID = f.ID
		var bad *surgecast.FieldError
		switch {
		case errors.As(err, &bad):
			return nil, fieldProblem(fmt.Sprintf("events[%d].%s", i, bad.Field), codeInvalidValue, bad.Detail, bad.Remedy)
		case err != nil:
			return nil, err
		case e.StartsAt.After(now.Add(whatIfAhead)):
			return nil, fieldProblem(fmt.Sprintf("events[%d].starts_at", i), codeInvalidValue, "is more than 24 hours ahead", "Forecasts reach 24 hours. Plan it with POST /v1/events: it is judged as it comes nearer.")
		}
		q.Events = append(q.Events, e)
	}

	ctx, cancel := context.WithTimeout(ctx, whatIfTimeout)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for other questions: %w", ctx.Err())
	}
	a, err := s.c.WhatIf(ctx, q)
	if errors.Is(err, surgecast.ErrNotFound) {
		p := noState()
		p.cause = err
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	horizon := in.Body.Horizon
	if horizon == 0 {
		horizon = int(whatIfAhead.Minutes())
	}
	b := WhatIfBody{
		Site: st.site.Slug, Name: st.site.Name, Simulated: st.site.Simulated, TimeZone: st.site.TimeZone, Now: now, Origin: a.With.Origin.UTC(),
		Levels: a.With.Levels, CapacityRPM: Rate(unknownIfZero(a.With.CapacityRPM)), UnitsNow: a.With.Units, Planned: []PlannedBody{}, Asked: []AskedBody{},
		Without: s.whatIfForecast(st, &a.Base, now, horizon), With: s.whatIfForecast(st, &a.With, now, horizon),
	}
	for _, p := range a.Known {
		b.Planned = append(b.Planned, PlannedBody{ID: p.EventID, Kind: string(p.Kind), Name: p.Name, StartsAt: p.StartsAt.UTC(), EndsAt: maybe(p.EndsAt)})
	}
	for i, t := range a.Asked {
		b.Asked = append(b.Asked, askedBody(t, q.Events[i].ExpectedReach))
	}
	return &whatIfOut{b}, nil
}

// sixteenOf20 is the standard normal quantile at .9: 16 in 20 lie within it on both sides.
const sixteenOf20 = 1.2816

func askedBody(t surgecast.Told, reach float64) AskedBody {
	if !(t.Visits > 0) {
		unknown := Rate(math.NaN())
		return AskedBody{unknown, unknown, unknown, "Nobody said how many people are told: as large as such events usually are here."}
	}
	off := math.Exp(sixteenOf20 * t.LogSD)
	return AskedBody{
		Visits: Rate(t.Visits), VisitsLow: Rate(t.Visits / off), VisitsHigh: Rate(t.Visits * off),
		Basis: fmt.Sprintf("An estimate from %s people told and what is usual; it could be off by %.0f times until such an event was seen here.", groupedReach(reach), math.Round(off)),
	}
}

// groupedReach is "20,000", as the sentences of verdicts have it.
func groupedReach(n float64) string {
	s := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// noState is what a site gets whose model cannot be asked: none yet, or one that is being learnt anew.
func noState() *Problem {
	return problem(http.StatusServiceUnavailable, codeNoForecast, "nothing was forecast for this site yet", "Ask again when its traffic has been seen for some minutes.").with("Retry-After", "60")
}

func (s *Server) whatIfForecast(st standing, f *surgecast.SiteForecast, now time.Time, horizon int) WhatIfForecast {
	r := s.riskBody(st, f, surgecast.TotalSegment, now)
	out := WhatIfForecast{
		Points: s.points(f, now, horizon), PeakQuantilesRPM: []Rate{}, Risk: r.Risk, TimeToBreach: r.TimeToBreach,
		ActBy: r.ActBy, ActByReason: r.ActByReason, LateBySeconds: r.LateBySeconds, PeakDotsRPM: r.PeakDotsRPM, BreachDotsMinutes: r.BreachDotsMinutes,
		Recommendation: recommendationBody(st.site.Capacity, f.Recommendation), Verdict: r.Verdict,
	}
	if n := len(f.MaxQuantilesRPM); n > 0 {
		out.PeakQuantilesRPM = rates(f.MaxQuantilesRPM[n-1])
		if peak := between(f.Levels, f.MaxQuantilesRPM[n-1], f.Alpha); peak > 0 {
			units, _ := st.site.Capacity.UnitsFor(peak)
			out.UnitsForPeak = max(units, st.site.Capacity.MinUnits)
		}
	}
	return out
}

// between is the quantile at a level between two that are known, by a straight line; beyond them the nearest.
func between(levels, quantiles []float64, level float64) float64 {
	for i, l := range levels {
		switch {
		case i >= len(quantiles):
			return math.NaN()
		case l >= level && i == 0:
			return quantiles[0]
		case l >= level:
			return quantiles[i-1] + (level-levels[i-1])/(l-levels[i-1])*(quantiles[i]-quantiles[i-1])
		}
	}
	if len(quantiles) == 0 {
		return math.NaN()
	}
	return quantiles[len(quantiles)-1]
}
