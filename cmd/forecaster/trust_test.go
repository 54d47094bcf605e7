package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// trusted is a site in act with a ledger of its own making: every quarter of an hour a forecast whose highest demand of
// any horizon lies between 50 and 150 with the chance of nine in ten.
type trusted struct {
	*app
	t     *testing.T
	site  surgecast.Site
	lease surgecast.Lease
	day   int
	n     int64
}

var trustedFrom = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newTrusted(t *testing.T) *trusted {
	t.Helper()
	st := store.New(storetest.New(t))
	w := &trusted{app: &app{g: &Global{log: slog.New(slog.DiscardHandler)}, db: &database{Store: st}}, t: t}
	s := surgecast.Site{
		AccountID: surgecast.DefaultAccount, Slug: "shop", Name: "Shop", Mode: surgecast.ModeAct, TimeZone: "Europe/Berlin", CreatedAt: trustedFrom,
		Capacity: surgecast.CapacityProfile{Units: 10, MinUnits: 2, RPMPerUnit: 100},
	}
	s.Default()
	var err error
	if w.site, err = st.CreateSite(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var mine bool
	if w.lease, mine, err = st.AcquireLease(t.Context(), "engine/00", "test", time.Hour); err != nil || !mine {
		t.Fatal(mine, err)
	}
	return w
}

func (w *trusted) now() time.Time { return trustedFrom.AddDate(0, 0, w.day) }

// aDay stores one more day: so many of its hours have 200 requests in every minute, the others 100; the last rows are in
// this state.
func (w *trusted) aDay(tooLow int, saturated bool, state surgecast.State) {
	w.t.Helper()
	from := w.now()
	sw := surgecast.Sweep{At: from, Leases: []surgecast.Lease{w.lease}}
	var minutes []surgecast.TrafficMinute
	for m := range 24 * 60 {
		at := from.Add(time.Duration(m) * time.Minute)
		row := surgecast.TrafficMinute{SiteID: w.site.ID, Segment: surgecast.TotalSegment, Minute: at, Requests: 100, Complete: true, Saturated: saturated}
		if (m+1439)%1440/60*tooLow%24 < tooLow { // spread over the day; an occasion begins a minute after its hour
			row.Requests = 200
		}
		minutes = append(minutes, row)
		if m%15 != 0 {
			continue
		}
		w.n++
		f := surgecast.SiteForecast{
			SiteID: w.site.ID, Segment: surgecast.TotalSegment, Origin: at, IssuedAt: at.Add(66 * time.Second), ValidUntil: at.Add(16 * time.Minute), StepSeconds: 60,
			Levels: []float64{.05, .5, .95}, HorizonMinutes: []int{15, 60, 120}, CapacityRPM: 1000, Units: 10, RPMPerUnit: 100, Risk: []float64{.001, .002, .003},
			LeadTimeP95Seconds: 600, SustainMinutes: 1, State: surgecast.StateCalm, ModelVersion: "test",
			Recommendation: surgecast.Recommendation{ID: surgecast.NewID("rec_"), Sequence: w.n, Units: 10, WouldBeUnits: 10},
		}
		for range f.HorizonMinutes {
			f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, []float64{50, 100, 150})
		}
		if m >= 23*60 {
			f.State = state
		}
		sw.Forecasts = append(sw.Forecasts, f)
	}
	if err := w.db.SaveSweep(w.t.Context(), sw); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.db.PutTraffic(w.t.Context(), minutes, from.AddDate(0, 0, 1)); err != nil {
		w.t.Fatal(err)
	}
	w.day++
}

func (w *trusted) days(n, tooLow int) {
	for range n {
		w.aDay(tooLow, false, surgecast.StateCalm)
	}
}

// judge judges as serve does, and answers the site as it is then.
func (w *trusted) judge() surgecast.Site {
	w.t.Helper()
	if err := w.judgeWeeks(context.Background(), w.now()); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.db.SiteBySlug(w.t.Context(), surgecast.DefaultAccount, "shop")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *trusted) outcome() surgecast.WeekOutcome {
	w.t.Helper()
	week, at, err := w.db.LastWeek(w.t.Context(), w.site.ID)
	if err != nil || !at.Equal(w.now()) {
		w.t.Fatalf("last week judged at %s, %v; want %s", at, err, w.now())
	}
	return week.Outcome
}

// Weeks with a known answer, out of a real ledger: only the bad one takes the site from act to advise, also where what was
// served is only a lower bound; a good one, and one too short to tell, change nothing.
//
// Fails when: judgeWeek hands SaveWeek words for every week, or JudgeWeek judges without asking for weekJudged.
func TestABadWeekEndsActing(t *testing.T) {
	for _, c := range []struct {
		name      string
		days      int
		tooLow    int // hours of each day
		saturated bool
		outcome   surgecast.WeekOutcome
		mode      surgecast.Mode
	}{
		{"good", 7, 0, false, surgecast.WeekGood, surgecast.ModeAct},
		{"usual misses", 7, 2, false, surgecast.WeekGood, surgecast.ModeAct},
		{"bad", 7, 8, false, surgecast.WeekBad, surgecast.ModeAdvise},
		{"bad and saturated", 7, 8, true, surgecast.WeekBad, surgecast.ModeAdvise},
		{"too short", 4, 8, false, surgecast.WeekCannotTell, surgecast.ModeAct},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTrusted(t)
			for range c.days {
				w.aDay(c.tooLow, c.saturated, surgecast.StateCalm)
			}
			s := w.judge()
			if got := w.outcome(); got != c.outcome || s.Mode != c.mode {
				t.Errorf("%s, then mode %s; want %s, %s", got, s.Mode, c.outcome, c.mode)
			}
			log, _, err := w.db.ModeChanges(t.Context(), s.ID, surgecast.Page{})
			if err != nil || len(log) != map[surgecast.Mode]int{surgecast.ModeAdvise: 1}[c.mode] {
				t.Errorf("%d changes of mode logged, %v", len(log), err)
			}
		})
	}
}

// What is logged and said of it; what a person decides afterwards counts from then: the same days do not undo it, new ones
// may. A person's change is logged with their name.
//
// Fails when: judgeWeek judges the days before site.ModeSince, or SaveWeek does not log what it changes.
func TestWhoPromotesAgainIsNotOverruledByTheSameWeek(t *testing.T) {
	w := newTrusted(t)
	w.days(7, 8)
	demoted := w.judge()
	const why = "Surgecast stopped acting on its own on Mon 9 Mar 01:00: its forecasts of the last 7 days were too low in 56 of 167 hours, where 8 are to be expected. Review its accuracy, then switch it on again."
	if demoted.Mode != surgecast.ModeAdvise || demoted.ModeBy != surgecast.ByLedger || demoted.ModeWhy != why || !demoted.ModeSince.Equal(w.now()) {
		t.Fatalf("mode %s by %s since %s: %s", demoted.Mode, demoted.ModeBy, demoted.ModeSince, demoted.ModeWhy)
	}
	promoted := demoted
	promoted.Mode, promoted.ModeBy, promoted.UpdatedAt = surgecast.ModeAct, "ada", w.now().Add(time.Hour)
	promoted, err := w.db.UpdateSite(t.Context(), promoted)
	if err != nil || promoted.ModeWhy != "" || promoted.ModeBy != "ada" {
		t.Fatalf("promoted: %v, by %s, %q", err, promoted.ModeBy, promoted.ModeWhy)
	}
	for range 3 {
		w.days(1, 8)
		if s := w.judge(); s.Mode != surgecast.ModeAct || w.outcome() != surgecast.WeekCannotTell {
			t.Fatalf("%s after the promotion: mode %s, %s", w.now().Sub(promoted.ModeSince), s.Mode, w.outcome())
		}
	}
	w.days(2, 8)
	if s := w.judge(); s.Mode != surgecast.ModeAdvise {
		t.Errorf("five bad days after the promotion: mode %s, %s", s.Mode, w.outcome())
	}
	log, _, err := w.db.ModeChanges(t.Context(), w.site.ID, surgecast.Page{})
	var said []string
	for _, c := range log {
		said = append(said, c.By+": "+string(c.From)+"→"+string(c.To))
	}
	if got := strings.Join(said, ", "); err != nil || got != "ledger: act→advise, ada: advise→act, ledger: act→advise" {
		t.Fatalf("logged: %s, %v", got, err)
	}
	if k := log[2]; k.Why != why || k.Week == nil || k.Week.TooLow.Times != 56 || log[1].Week != nil {
		t.Errorf("the ledger's entry: %+v", k)
	}
}

// In the middle of a surge a bad week waits, for a day at most: what was asked for is not handed back while it may be needed.
//
// Fails when: judgeWeek does not ask whether the site is busy, or no longer for how long.
func TestABadWeekWaitsForTheSurgeToEnd(t *testing.T) {
	w := newTrusted(t)
	w.days(4, 8)
	w.judge() // too little yet
	w.aDay(8, false, surgecast.StateAlert)
	if s := w.judge(); s.Mode != surgecast.ModeAct {
		t.Errorf("in an alert: mode %s", s.Mode)
	}
	w.aDay(8, false, surgecast.StateAlert)
	if s := w.judge(); s.Mode != surgecast.ModeAdvise {
		t.Errorf("a day later: mode %s", s.Mode)
	}
}

// Two judgements at once, a person's click in between, or a page opened before: the ledger's word is for the mode it has
// judged, and nobody's for another.
//
// Fails when: SaveWeek does not compare mode_since, or UpdateSite does not compare ModeSince.
func TestAModeIsChangedOnlyAsItWasSeen(t *testing.T) {
	w := newTrusted(t)
	ctx := t.Context()
	bad := surgecast.Week{Outcome: surgecast.WeekBad}
	seen := w.site
	off, on := w.site, w.site
	off.Mode, off.UpdatedAt = surgecast.ModeShadow, trustedFrom.Add(time.Hour)
	if _, err := w.db.UpdateSite(ctx, off); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.UpdateSite(ctx, on); err == nil {
		t.Error("a page opened before a change put its mode back")
	}
	on.ModeSince, on.UpdatedAt = time.Time{}, trustedFrom.Add(2*time.Hour) // a script that does not say what it has seen
	on, err := w.db.UpdateSite(ctx, on)
	if err != nil {
		t.Fatal(err)
	}
	if saved, err := w.db.SaveWeek(ctx, seen, bad, "too low", trustedFrom.Add(3*time.Hour)); saved || err != nil {
		t.Errorf("a judgement of the time before the promotion was stored: %t, %v", saved, err)
	}
	for i, want := range []bool{true, false} {
		if saved, err := w.db.SaveWeek(ctx, on, bad, "too low", trustedFrom.Add(4*time.Hour)); saved != want || err != nil {
			t.Errorf("judgement %d of the same: %t, %v; want %t", i+1, saved, err, want)
		}
	}
	if log, _, err := w.db.ModeChanges(ctx, w.site.ID, surgecast.Page{}); err != nil || len(log) != 3 {
		t.Errorf("%d changes logged, %v; want off, on, ledger", len(log), err)
	}
}
