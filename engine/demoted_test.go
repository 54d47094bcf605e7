package engine

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"surgecast"
	"surgecast/risk"
)

// When the ledger takes a site from act to advise in the middle of its traffic, what was answered is handed back by the
// floor's pace (at most a tenth in 5 minutes), as after a person's click; receivers are told the mode once, in the
// ledger's words, under a sequence that rises.
//
// Fails when: byMode hands nothing back outside mode act.
func TestADemotionHandsBackSlowlyAndIsTold(t *testing.T) {
	t.Parallel()
	const change, why = 180, "Its forecasts were too low."
	p := newPlace(t, nil)
	p.webhook()
	e := p.engine(nil)
	p.steady(0, change, 2000, nil)
	before := p.sweep(e, change-1).Recommendation
	if before.Units < 20 {
		t.Fatalf("in act it answers %d units, want 20 or more for 2,000 requests a minute", before.Units)
	}
	saved, err := p.st.SaveWeek(t.Context(), p.site, surgecast.Week{Outcome: surgecast.WeekBad}, why, minute(change))
	if err != nil || !saved {
		t.Fatal(saved, err)
	}
	p.steady(change, change+180, 2000, nil)
	answered := []int{before.Units}
	for m := change; m < change+180; m++ {
		rec := p.sweep(e, m).Recommendation
		answered = append(answered, rec.Units)
		if n := len(answered); n > 5 && answered[n-1] < answered[n-6]-max(1, answered[n-6]/10) {
			t.Fatalf("minute %d: %d units, five minutes before %d", m-change, answered[n-1], answered[n-6])
		}
		if rec.WouldBeUnits < 20 {
			t.Fatalf("minute %d: would be %d units, traffic has not changed", m-change, rec.WouldBeUnits)
		}
	}
	if last := answered[len(answered)-1]; last != p.site.Capacity.MinUnits {
		t.Errorf("three hours later it answers %d units, want the least, %d", last, p.site.Capacity.MinUnits)
	}
	rows, _ := p.pool.Query(t.Context(), `SELECT body FROM delivery WHERE type = $1 ORDER BY sequence`, surgecast.TypeRecommendationChanged)
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	p.ok(err)
	var turned int
	var sequence int64
	for _, b := range bodies {
		var m struct{ Data unitsData }
		p.ok(json.Unmarshal(b, &m))
		if m.Data.Sequence <= sequence {
			t.Errorf("sequence %d after %d", m.Data.Sequence, sequence)
		}
		sequence = m.Data.Sequence
		if m.Data.Headline != "" {
			turned++
			if m.Data.Headline != risk.NoLongerActs || m.Data.Sentence != why || m.Data.Mode != surgecast.ModeAdvise {
				t.Errorf("told: %s", b)
			}
		}
	}
	if turned != 1 {
		t.Errorf("of %d messages %d tell that it stopped acting, want 1", len(bodies), turned)
	}
}

// A change of mode is told once although no number changes with it; the first mode a site is seen in is no change.
//
// Fails when: next does not tell that the mode has turned, or forgets the mode it has told.
func TestAChangeOfModeIsToldOnce(t *testing.T) {
	t.Parallel()
	rec := surgecast.Recommendation{Units: 2, WouldBeUnits: 2, Sequence: 4}
	w := told{Units: 2, WouldBe: 2, Sequence: 4, At: t0}
	for i, c := range []struct {
		mode surgecast.Mode
		tell bool
	}{
		{surgecast.ModeAct, false},
		{surgecast.ModeAdvise, true},
		{surgecast.ModeAdvise, false},
		{surgecast.ModeAct, true},
		{surgecast.ModeAct, false},
	} {
		after, tell := w.next(rec, c.mode, minute(i), false)
		if tell != c.tell || tell && after.Sequence <= w.Sequence {
			t.Errorf("minute %d, mode %s: told %t under %d after %d, want %t", i, c.mode, tell, after.Sequence, w.Sequence, c.tell)
		}
		w = after
	}
}
