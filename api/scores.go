package api

import (
	"context"
	"net/http"
	"time"

	"surgecast"
)

// Scorer judges a site's ledger by what came; review.Scores and review.Record behind an interface.
type Scorer interface {
	Accuracy(ctx context.Context, site surgecast.Site, segment string, from, to time.Time) (AccuracyBody, error)
	Record(ctx context.Context, site surgecast.Site, segment string, from, to time.Time) (RecordBody, error)
}

// AccuracyBody is how good the forecasts of a site were, by lead.
type AccuracyBody struct {
	Site      string    `json:"site"`
	Name      string    `json:"name"`
	Segment   string    `json:"segment"`
	Simulated bool      `json:"simulated"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`

	Forecasts        int `json:"forecasts" doc:"Rows of the ledger judged"`
	EveryMinutes     int `json:"every_minutes" doc:"They lie so far apart: 5, or 15 where a part of the ledger is thinned, so that every hour weighs the same"`
	MissingMinutes   int `json:"missing_minutes" doc:"Left out, not read as zero"`
	SaturatedMinutes int `json:"saturated_minutes" doc:"Lower bounds: they count only against a forecast below them"`

	All             LeadScore     `json:"all_leads"`
	Leads           []LeadScore   `json:"leads"`
	WithMentions    []LeadScore   `json:"with_mentions" doc:"Rows made with mentions; other moments than those without, so no comparison of the two"`
	WithoutMentions []LeadScore   `json:"without_mentions"`
	Breach          []BreachScore `json:"breach"`
}

// LeadScore is how good the forecasts of one lead were.
type LeadScore struct {
	LeadMinutes int    `json:"lead_minutes" doc:"0: all leads together"`
	N           int    `json:"n"`
	WQL         Number `json:"wql" doc:"Weighted quantile loss over eight levels; low is good"`
	MAE         Number `json:"mae_rpm"`
	VsYesterday Number `json:"vs_yesterday" doc:"Error over that of the same time yesterday; below 1 is better"`
	VsLast      Number `json:"vs_last" doc:"Error over that of the last known minute; below 1 is better"`
	Coverage50  Number `json:"coverage_50" doc:".5 is right, not 1"`
	Coverage80  Number `json:"coverage_80"`
	Coverage95  Number `json:"coverage_95"`
	Below95     Number `json:"below_q95"`
}

// BreachScore is how good the chance of a breach was over one horizon.
type BreachScore struct {
	HorizonMinutes   int    `json:"horizon_minutes"`
	N                int    `json:"n"`
	BaseRate         Number `json:"base_rate"`
	Brier            Number `json:"brier"`
	Skill            Number `json:"skill" doc:"Against always saying the base rate, known only in hindsight; above 0 is good"`
	CalibrationError Number `json:"calibration_error"`
}

// RecordBody is what became of the chances that were said.
type RecordBody struct {
	Site      string          `json:"site"`
	Name      string          `json:"name"`
	Segment   string          `json:"segment"`
	Simulated bool            `json:"simulated"`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Forecasts int             `json:"forecasts"`
	Horizons  []RecordHorizon `json:"horizons"`
	Receipt   ReceiptBody     `json:"receipt"`
}

// RecordHorizon is the record of one horizon.
type RecordHorizon struct {
	HorizonMinutes int         `json:"horizon_minutes"`
	Rows           []RecordRow `json:"rows"`
}

// RecordRow is one row of "when we said so much, it happened so often". Occasions are separate times: thirty
// forecasts of the same half hour are one.
type RecordRow struct {
	From      float64 `json:"from"`
	To        float64 `json:"to"`
	Said      Number  `json:"mean_probability"`
	Occasions int     `json:"occasions"`
	Happened  int     `json:"happened"`
	Sentence  string  `json:"sentence"`
}

type (
	scoreIn struct {
		SitePath
		SegmentQuery
		Days int `query:"days" minimum:"1" maximum:"35" default:"7" doc:"How far back"`
	}
	accuracyOut struct{ Body AccuracyBody }
	recordOut   struct{ Body RecordBody }
)

func (s *Server) scoreRoutes() {
	op := operation("GET", "/v1/sites/{site}/accuracy", "site-accuracy", "How good the forecasts were, by lead")
	op.Description = "Scored from the ledger: what was stored before the fact, beside what came."
	register(s, op, surgecast.ScopeRead, s.accuracy)
	op = operation("GET", "/v1/sites/{site}/record", "site-record", "When we said 50 to 70 %, it happened 9 of 15 times")
	op.Description = "Misses and false alarms stand there like the rest."
	register(s, op, surgecast.ScopeRead, s.record)
}

func (s *Server) scored(ctx context.Context, in *scoreIn) (site surgecast.Site, from, to time.Time, err error) {
	if site, err = s.site(ctx, in.Site); err != nil {
		return site, from, to, err
	}
	if s.c.Scores == nil {
		return site, from, to, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process scores nothing", "Ask one that has the ledger.")
	}
	to = s.now()
	return site, to.AddDate(0, 0, -in.Days), to, nil
}

func (s *Server) accuracy(ctx context.Context, in *scoreIn) (*accuracyOut, error) {
	site, from, to, err := s.scored(ctx, in)
	if err != nil {
		return nil, err
	}
	b, err := s.c.Scores.Accuracy(ctx, site, in.Segment, from, to)
	if err != nil {
		return nil, err
	}
	b.Site, b.Name, b.Simulated, b.From, b.To = site.Slug, site.Name, site.Simulated, from, to
	return &accuracyOut{b}, nil
}

func (s *Server) record(ctx context.Context, in *scoreIn) (*recordOut, error) {
	site, from, to, err := s.scored(ctx, in)
	if err != nil {
		return nil, err
	}
	b, err := s.c.Scores.Record(ctx, site, in.Segment, from, to)
	if err != nil {
		return nil, err
	}
	b.Site, b.Name, b.Simulated, b.From, b.To = site.Slug, site.Name, site.Simulated, from, to
	return &recordOut{b}, nil
}
