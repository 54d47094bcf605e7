package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"surgecast"
	"surgecast/api"
	"surgecast/review"
	"surgecast/risk"
)

const (
	reviewBefore = surgecast.ReviewAround // of calm before a surge that a review shows
	reviewAfter  = surgecast.ReviewAround // … and after it
	reviewPast   = 26 * time.Hour         // what the rival rules may know: the same time the day before
	reviewSaid   = 180                    // rows of the ledger a review lists at most
)

// reviewer makes reviews of surges from the store.
type reviewer struct{ db *database }

// Review lays the ledger's rows around a surge beside what came, with the report's own arithmetic.
func (r reviewer) Review(ctx context.Context, site surgecast.Site, surge surgecast.Surge, transitions []surgecast.SurgeTransition, now time.Time) (api.ReviewBody, error) {
	from, to := surge.OpenedAt.Add(-reviewBefore).Truncate(time.Minute), now
	if !surge.ClosedAt.IsZero() && surge.ClosedAt.Add(reviewAfter).Before(now) {
		to = surge.ClosedAt.Add(reviewAfter)
	}
	rows, err := r.db.Forecasts(ctx, site.ID, surgecast.TotalSegment, from, to)
	if err != nil {
		return api.ReviewBody{}, err
	}
	minutes, err := r.db.Traffic(ctx, site.ID, surgecast.TotalSegment, from.Add(-reviewPast), to)
	if err != nil {
		return api.ReviewBody{}, fmt.Errorf("reading what came: %w", err)
	}
	rep, err := review.Build(review.Input{
		Options: review.Options{Site: site, From: from, To: to, DemandKnown: false, GeneratedAt: now},
		Minutes: minutes, Forecasts: rows, Surges: []surgecast.Surge{surge}, Transitions: transitions,
	})
	if err != nil {
		return api.ReviewBody{}, fmt.Errorf("reviewing surge %s: %w", surge.ID, err)
	}
	b := api.ReviewBody{
		Site: site.Slug, Name: site.Name, TimeZone: site.TimeZone, Simulated: site.Simulated || surge.Simulated, Now: now, From: from, To: to,
		Headline: rep.Headline, Sentences: append([]string{}, rep.Sentences...), Notes: append([]string{}, rep.Notes...),
		CapacityRPM: api.Rate(rep.Site.CapacityRPM), Currency: rep.Site.Currency, MissingMinutes: rep.MissingMinutes,
		Came: []api.HistoryPoint{}, Said: []api.SaidBody{}, Rules: []api.RuleBody{},
		Receipt: api.ReceiptBody{
			ModelVersions: append([]string{}, rep.Receipt.ModelVersions...), SealVersions: append([]int{}, rep.Receipt.SealVersions...), FirstID: rep.Receipt.FirstID, LastID: rep.Receipt.LastID,
			LastHash: rep.Receipt.LastHash, Broken: rep.Receipt.Broken,
		},
	}
	if b.CapacityRPM == 0 {
		b.CapacityRPM = api.Rate(math.NaN())
	}
	at := map[int64]surgecast.TrafficMinute{}
	for _, m := range minutes {
		at[m.Minute.Unix()] = m
	}
	for t := from; t.Before(to.Truncate(time.Minute)); t = t.Add(time.Minute) {
		p := api.HistoryPoint{At: t, RequestsRPM: api.Rate(math.NaN())}
		if m, ok := at[t.Unix()]; ok && m.Complete {
			p.RequestsRPM, p.Saturated = api.Rate(m.Requests), m.Saturated
		}
		b.Came = append(b.Came, p)
	}
	every := max(1, (len(rows)+reviewSaid-1)/reviewSaid)
	for i := range rows {
		if i%every != 0 && i != len(rows)-1 {
			continue
		}
		f := &rows[i]
		h := risk.Horizon(f, f.State)
		b.Said = append(b.Said, api.SaidBody{
			ForecastID: f.ID, Origin: f.Origin, IssuedAt: f.IssuedAt, State: string(f.State), Horizon: h, Headline: f.Verdict.Headline,
			Probability: api.Number(risk.At(f.HorizonMinutes, f.Risk, float64(h))),
		})
	}
	for _, k := range rep.Rules {
		b.Rules = append(b.Rules, api.RuleBody{
			Rule: k.Rule, WarningMinutes: api.Number(k.MedianWarning), MinutesOver: k.MinutesOver, LostRequests: api.Number(k.LostRequests),
			UnitHours: api.Number(k.UnitHours), PeakUnits: k.PeakUnits, Cost: api.Number(k.Cost),
		})
	}
	return b, nil
}
