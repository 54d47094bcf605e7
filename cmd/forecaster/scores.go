package main

import (
	"context"
	"fmt"
	"time"

	"surgecast"
	"surgecast/api"
	"surgecast/review"
)

const (
	accuracyEvery = 5                        // minutes between the origins that are scored
	recordEvery   = surgecast.ThinnedMinutes // … whose chances are
)

// rows are the ledger's rows to be scored and the minutes that came.
func (r reviewer) rows(ctx context.Context, site surgecast.Site, segment string, from, to time.Time, every int) ([]surgecast.SiteForecast, []surgecast.TrafficMinute, error) {
	rows, err := r.db.ForecastsEvery(ctx, site.ID, segment, from, to, every)
	if err != nil {
		return nil, nil, err
	}
	minutes, err := r.db.Traffic(ctx, site.ID, segment, from.Add(-24*time.Hour), to) // a day before: the same time yesterday
	if err != nil {
		return nil, nil, fmt.Errorf("reading what came: %w", err)
	}
	return rows, minutes, nil
}

// every is how far apart the origins are that are scored. Where a part of the ledger is thinned all of it is scored as
// if it were: else an hour of which more rows stayed, because it is younger or an alert was in it, would weigh more.
func (r reviewer) every(ctx context.Context, site surgecast.Site, segment string, from, to time.Time) (int, error) {
	thinned, err := r.db.LedgerThinned(ctx, site.ID, segment, from, to)
	if thinned {
		return surgecast.ThinnedMinutes, err
	}
	return accuracyEvery, err
}

// Accuracy scores a site's forecasts.
func (r reviewer) Accuracy(ctx context.Context, site surgecast.Site, segment string, from, to time.Time) (api.AccuracyBody, error) {
	every, err := r.every(ctx, site, segment, from, to)
	if err != nil {
		return api.AccuracyBody{}, err
	}
	rows, minutes, err := r.rows(ctx, site, segment, from, to, every)
	if err != nil {
		return api.AccuracyBody{}, err
	}
	a, err := review.Scores(rows, minutes, review.ScoreOptions{Segment: segment, From: from, To: to})
	if err != nil {
		return api.AccuracyBody{}, err
	}
	b := api.AccuracyBody{
		Segment: a.Segment, Forecasts: a.Forecasts, EveryMinutes: every, MissingMinutes: a.Missing, SaturatedMinutes: a.Saturated,
		All: leadScore(a.All), Leads: leadScores(a.Leads), WithMentions: []api.LeadScore{}, WithoutMentions: []api.LeadScore{}, Breach: []api.BreachScore{},
	}
	if a.WithMentions != nil {
		b.WithMentions = leadScores(a.WithMentions.Leads)
	}
	if a.WithoutMentions != nil {
		b.WithoutMentions = leadScores(a.WithoutMentions.Leads)
	}
	for _, h := range a.Breach {
		b.Breach = append(b.Breach, api.BreachScore{
			HorizonMinutes: h.HorizonMinutes, N: h.N, BaseRate: api.Number(h.BaseRate), Brier: api.Number(h.Brier),
			Skill: api.Number(h.Skill), CalibrationError: api.Number(h.CalibrationError),
		})
	}
	return b, nil
}

// Record is what became of the chances said of a site.
func (r reviewer) Record(ctx context.Context, site surgecast.Site, segment string, from, to time.Time) (api.RecordBody, error) {
	rows, minutes, err := r.rows(ctx, site, segment, from, to, recordEvery)
	if err != nil {
		return api.RecordBody{}, err
	}
	rec, err := review.Record(rows, minutes, review.ScoreOptions{Segment: segment, From: from, To: to})
	if err != nil {
		return api.RecordBody{}, err
	}
	b := api.RecordBody{
		Segment: rec.Segment, Forecasts: rec.Forecasts, Horizons: []api.RecordHorizon{},
		// One row in 15 minutes: they do not follow from each other, and are not checked here.
		Receipt: api.ReceiptBody{ModelVersions: append([]string{}, rec.Receipt.ModelVersions...), SealVersions: append([]int{}, rec.Receipt.SealVersions...), FirstID: rec.Receipt.FirstID, LastID: rec.Receipt.LastID, LastHash: rec.Receipt.LastHash},
	}
	for _, h := range rec.Horizons {
		x := api.RecordHorizon{HorizonMinutes: h.HorizonMinutes, Rows: []api.RecordRow{}}
		for i, k := range h.Reliability {
			x.Rows = append(x.Rows, api.RecordRow{From: k.From, To: k.To, Said: api.Number(k.MeanP), Occasions: k.Occasions, Happened: k.OccasionsHappened, Sentence: h.Sentences[i]})
		}
		b.Horizons = append(b.Horizons, x)
	}
	return b, nil
}

func leadScores(in []review.LeadScore) []api.LeadScore {
	out := make([]api.LeadScore, 0, len(in))
	for _, l := range in {
		out = append(out, leadScore(l))
	}
	return out
}

func leadScore(l review.LeadScore) api.LeadScore {
	return api.LeadScore{
		LeadMinutes: l.LeadMinutes, N: l.N, WQL: api.Number(l.WQL), MAE: api.Number(l.MAE), VsYesterday: api.Number(l.VsYesterday), VsLast: api.Number(l.VsLast),
		Coverage50: api.Number(l.Coverage50), Coverage80: api.Number(l.Coverage80), Coverage95: api.Number(l.Coverage95), Below95: api.Number(l.Below95),
	}
}
