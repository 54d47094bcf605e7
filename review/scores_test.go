package review

import (
	"math"
	"testing"
	"time"

	"surgecast"
)

var scoreStart = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// scoreLedger is n rows of two leads, all saying the quantiles around mid and the chance p within 5 minutes.
func scoreLedger(n int, mid, p float64) []surgecast.SiteForecast {
	var rows []surgecast.SiteForecast
	for i := range n {
		q := make([]float64, len(judged))
		for k, level := range judged {
			q[k] = mid * (.5 + level)
		}
		rows = append(rows, surgecast.SiteForecast{
			Origin: scoreStart.Add(time.Duration(i) * time.Minute), LeadMinutes: []int{1, 5},
			Levels: judged[:], QuantilesRPM: [][]float64{q, q},
			HorizonMinutes: []int{5}, Risk: []float64{p}, CapacityRPM: 150, SustainMinutes: 1,
		})
	}
	return rows
}

func scoreMinutes(n int, requests func(i int) float64) (out []surgecast.TrafficMinute) {
	for i := range n {
		out = append(out, surgecast.TrafficMinute{Minute: scoreStart.Add(time.Duration(i) * time.Minute), Segment: "total", Requests: requests(i), Complete: true})
	}
	return out
}

// Rows in any order are judged by lead, degraded ones apart; missing and incomplete minutes are left out.
//
// Fails when: minutesOf keeps minutes that are not Complete.
func TestScores(t *testing.T) {
	rows := scoreLedger(20, 100, .1)
	for i := range 5 {
		rows[i].Degraded = []string{"mentions"}
	}
	rows[3], rows[12] = rows[12], rows[3]
	other := rows[7]
	other.Segment = "checkout"
	rows = append(rows, other)
	minutes := scoreMinutes(40, func(int) float64 { return 110 })
	minutes[10].Requests, minutes[10].Complete = 5000, false
	a, err := Scores(rows, minutes, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Forecasts != 20 || a.Minutes != 40 || a.Missing != 1 || len(a.Leads) != 2 || a.Leads[0].LeadMinutes != 1 || a.Leads[1].LeadMinutes != 5 {
		t.Fatalf("%+v", a)
	}
	near(t, "MAE at 1 minute", a.Leads[0].MAE, 10)
	near(t, "80 % interval", a.Leads[0].Coverage80, 1)
	if a.Leads[0].N != 19 {
		t.Errorf("%d minutes judged, want 19: one was incomplete", a.Leads[0].N)
	}
	if a.WithMentions == nil || a.WithoutMentions == nil || a.WithMentions.Forecasts != 15 || a.WithoutMentions.Forecasts != 5 {
		t.Errorf("with %+v, without %+v, want 15 and 5 rows", a.WithMentions, a.WithoutMentions)
	}
	if b, err := Scores(rows[5:12], minutes, ScoreOptions{From: scoreStart.Add(8 * time.Minute)}); err != nil || b.Forecasts != 4 || b.WithoutMentions != nil {
		t.Errorf("from 12:08: %+v, %v; want 4 rows, none without mentions", b, err)
	}
	seg, err := Scores(rows, minutes, ScoreOptions{Segment: "checkout"})
	if err != nil || seg.Forecasts != 0 || seg.All.WQL.Known() {
		t.Errorf("a segment without minutes: %+v, %v", seg, err)
	}
	if _, err := Scores(append(rows, rows[0]), minutes, ScoreOptions{}); err == nil {
		t.Error("the same origin twice was counted twice")
	}
}

// A saturated minute counts only when the forecast lies below it.
//
// Fails when: add in accuracy.go ignores bound.
func TestScoresSaturated(t *testing.T) {
	minutes := scoreMinutes(40, func(int) float64 { return 90 })
	for i := range minutes {
		minutes[i].Saturated = true
	}
	above, err := Scores(scoreLedger(20, 100, .1), minutes, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if above.All.N != 0 || above.Saturated != 40 {
		t.Errorf("forecasts above a lower bound were judged: %+v", above.All)
	}
	below, err := Scores(scoreLedger(20, 50, .1), minutes, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if below.All.N != 40 {
		t.Errorf("%d judged of forecasts below the bound, want 40", below.All.N)
	}
	known, err := Scores(scoreLedger(20, 100, .1), minutes, ScoreOptions{DemandKnown: true})
	if err != nil || known.All.N != 40 {
		t.Errorf("with the demand known: %+v, %v", known.All, err)
	}
}

// Segments make the whole where the source reports none; where it does, the whole is what it says.
func TestMinutesOf(t *testing.T) {
	at := func(i int) time.Time { return scoreStart.Add(time.Duration(i) * time.Minute) }
	got := minutesOf([]surgecast.TrafficMinute{
		{Minute: at(1), Segment: "browse", Requests: 3, Complete: true},
		{Minute: at(1), Segment: "checkout", Requests: 4, Complete: true, Saturated: true},
		{Minute: at(0), Segment: "browse", Requests: 3, Complete: true},
		{Minute: at(0), Segment: "total", Requests: 9, Complete: true},
		{Minute: at(0), Segment: "checkout", Requests: 4, Complete: true},
	}, "total")
	if len(got) != 2 || got[0].Requests != 9 || got[1].Requests != 7 || !got[1].Saturated {
		t.Errorf("%+v, want 9, then 7 saturated", got)
	}
}

// The record counts occasions: a breach that fifteen rows foresaw is one, and the words say so.
//
// Fails when: sentence counts N instead of Occasions.
func TestRecord(t *testing.T) {
	rows := scoreLedger(15, 100, .5)
	late := scoreLedger(160, 100, .5)[150:]
	minutes := scoreMinutes(170, func(i int) float64 {
		if i > 10 && i < 25 {
			return 200
		}
		return 100
	})
	r, err := Record(append(rows, late...), minutes, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Horizons) != 1 || len(r.Horizons[0].Reliability) != 1 {
		t.Fatalf("%+v", r)
	}
	h := r.Horizons[0]
	near(t, "share of origins", h.Reliability[0].Share, 9./25)
	if want := "When we said 40–60 % within 5 minutes, it happened 0 of 2 times."; h.Sentences[0] != want {
		t.Errorf("%q, want %q (the first row of each occasion saw no breach)", h.Sentences[0], want)
	}
	empty, err := Record(nil, nil, ScoreOptions{})
	if err != nil || empty.Horizons == nil || empty.Forecasts != 0 {
		t.Errorf("nothing yet: %+v, %v", empty, err)
	}
	if math.IsNaN(float64(h.Brier)) {
		t.Error("no Brier score")
	}
}
